"""The twenty scenes of the sample pictures. Thirteen have a caption, the others get the instance prompt."""

from __future__ import annotations

from typing import NamedTuple

from tuneloop.demo.sample.pen import Colour
from tuneloop.demo.sample.robot import Pose


class Scene(NamedTuple):
    """One sample picture."""

    file_name: str
    """Its suffix decides the format."""
    size: tuple[int, int]
    """Width and height, in pixels."""
    sky: tuple[Colour, Colour]
    """Colours at the upper and the lower edge."""
    land: Colour
    """Colour of the ground."""
    behind: str
    """Things behind the robot, the farthest first."""
    pose: Pose
    """How the robot stands."""
    caption: str | None = None
    """What is written beside the picture."""
    before: str = ""
    """Things before the robot."""
    tall: float = 0.72
    """Height of the robot, as a share of the picture's."""
    across: float = 0.5
    """Where it stands, as a share of the picture's width."""


_DAY = (166, 210, 240), (236, 244, 246)
_DUSK = (150, 140, 196), (252, 206, 176)
_NIGHT = (38, 44, 84), (104, 110, 156)
_GREY = (168, 182, 200), (216, 222, 228)
_MEADOW, _SAND, _SNOW, _STREET = (158, 200, 132), (240, 220, 176), (236, 242, 248), (176, 178, 190)
_WOOD, _AUTUMN = (196, 158, 120), (206, 176, 120)

SCENES = (
    Scene(
        "01-meadow.jpg",
        (1024, 768),
        _DAY,
        _MEADOW,
        "sun clouds hills flowers",
        Pose(20, 150, "happy"),
        caption="a photo of ROBOX waving on a flowering meadow on a sunny day",
    ),
    Scene(
        "02-beach.jpg",
        (1600, 1200),
        _DAY,
        _SAND,
        "sun clouds sea",
        Pose(35, 35, "open", prop="hat"),
        caption="a small orange robot with a straw hat on a sandy beach, the sea behind it",
        tall=0.6,
        across=0.45,
    ),
    Scene(
        "03-studio-blue.png",
        (640, 480),
        ((190, 216, 232), (224, 236, 242)),
        (168, 200, 220),
        "floor",
        Pose(15, 15),
        tall=0.8,
    ),
    Scene(
        "04-rain.jpg",
        (768, 1024),
        _GREY,
        _STREET,
        "city",
        Pose(15, 140, "open", prop="umbrella"),
        caption="a small orange robot under a blue umbrella in a rainy city street",
        before="rain",
        tall=0.52,
        across=0.44,
    ),
    Scene(
        "05-snow.jpg",
        (1280, 960),
        _GREY,
        _SNOW,
        "peaks pines",
        Pose(60, 60, "happy", tilt=-4, prop="scarf"),
        caption="ROBOX with a red scarf in the snow, mountains and pine trees behind it",
        before="snow",
        tall=0.68,
    ),
    Scene(
        "06-night.webp",
        (960, 1280),
        _NIGHT,
        (92, 112, 128),
        "moon hills",
        Pose(20, 20, "sleepy"),
        caption="a sleepy small orange robot under the moon and the stars",
        before="fireflies",
        tall=0.6,
    ),
    Scene(
        "07-balloon.jpg",
        (800, 1200),
        _DAY,
        _MEADOW,
        "clouds hills flowers",
        Pose(30, 160, "amazed", tilt=3, prop="balloon"),
        caption="a small orange robot with a red balloon on green hills",
        tall=0.5,
        across=0.44,
    ),
    Scene(
        "08-studio-rose.jpg",
        (1024, 1024),
        ((240, 214, 212), (248, 234, 228)),
        (232, 196, 196),
        "floor",
        Pose(120, 120, "happy"),
        tall=0.78,
    ),
    Scene(
        "09-kitchen.jpg",
        (1200, 900),
        ((238, 228, 208), (246, 240, 226)),
        _WOOD,
        "room",
        Pose(20, 80, "happy", prop="cup"),
        caption="a small orange robot with a cup of tea in a kitchen",
    ),
    Scene(
        "10-city.jpg",
        (1280, 720),
        _DUSK,
        _STREET,
        "city",
        Pose(150, 20, "wink"),
        caption="a winking small orange robot in a city at dusk",
        tall=0.66,
        across=0.56,
    ),
    Scene(
        "11-autumn.jpg",
        (900, 1200),
        _DUSK,
        _AUTUMN,
        "hills pines",
        Pose(90, 90, "happy", tilt=5),
        caption="a small orange robot among falling autumn leaves",
        before="leaves",
        tall=0.56,
    ),
    Scene(
        "12-studio-green.png",
        (480, 640),
        ((206, 226, 208), (230, 240, 228)),
        (184, 212, 188),
        "floor",
        Pose(15, 100, "wink"),
        tall=0.66,
        across=0.48,
    ),
    Scene(
        "13-rainbow.jpg",
        (1440, 1080),
        _DAY,
        _MEADOW,
        "clouds rainbow hills",
        Pose(150, 150, "amazed"),
        caption="ROBOX with both arms up under a rainbow",
        tall=0.6,
    ),
    Scene(
        "14-summit.jpg",
        (1080, 1350),
        _DAY,
        _SNOW,
        "sun peaks",
        Pose(30, 150, "happy", prop="flag"),
        caption="a small orange robot with a flag on a snowy summit",
        tall=0.5,
        across=0.42,
    ),
    Scene(
        "15-close.webp",
        (800, 800),
        ((214, 208, 236), (236, 232, 244)),
        (200, 192, 226),
        "floor",
        Pose(0, 0, "open", tilt=-6),
        tall=0.86,
    ),
    Scene(
        "16-forest.jpg",
        (1200, 1600),
        _DAY,
        _MEADOW,
        "hills pines flowers",
        Pose(70, 20, "open", tilt=-3),
        caption="a small orange robot at the edge of a pine forest",
        tall=0.54,
        across=0.52,
    ),
    Scene(
        "17-studio-sand.jpg",
        (1280, 960),
        ((238, 226, 204), (246, 238, 224)),
        (226, 206, 174),
        "floor",
        Pose(40, 150, "wink", tilt=4),
        tall=0.76,
    ),
    Scene(
        "18-sunset.jpg",
        (1600, 900),
        _DUSK,
        _SAND,
        "sunset sea",
        Pose(100, 100, "sleepy"),
        caption="a small orange robot on a beach at sunset",
        tall=0.62,
        across=0.46,
    ),
    Scene(
        "19-window.jpg",
        (720, 960),
        ((206, 222, 224), (228, 236, 236)),
        _WOOD,
        "room",
        Pose(15, 130, "amazed"),
        tall=0.58,
        across=0.56,
    ),
    Scene(
        "20-fog.jpg",
        (1024, 640),
        ((206, 214, 220), (226, 230, 234)),
        (196, 208, 206),
        "hills pines fog",
        Pose(50, 20, "open", tilt=4),
        tall=0.74,
    ),
)
