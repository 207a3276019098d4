"""The places and the weather of the sample pictures.

All is drawn in units of the picture's height: x from 0 to the aspect ratio, y from 0 (top) to 1. Colours are
pale, so that the robot stands out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tuneloop.demo.sample.pen import Colour, Pen, Point, mixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WHITE = (255, 255, 255)


def draw_thing(name: str, pen: Pen, aspect: float, land: Colour) -> None:
    """Draw one thing by its name, such as `hills`; `land` is the colour of the ground."""
    _THINGS[name](pen, aspect, land)


def _spread(count: int, aspect: float, phase: float = 0.5) -> Iterator[Point]:
    """Scatter points over the picture without clumps (the R2 sequence)."""
    for number in range(1, count + 1):
        yield (phase + 0.7548777 * number) % 1 * aspect, (phase + 0.5698403 * number) % 1


def _wave(level: float, rise: float, length: float, aspect: float, phase: float) -> list[Point]:
    """Outline of everything below a wavy line."""
    across = [aspect * number / 80 for number in range(81)]
    line = [(x, level - rise * math.sin(math.tau * (x / length + phase))) for x in across]
    return [*line, (aspect, 1.01), (0, 1.01)]


def _draw_sun(pen: Pen, aspect: float, _: Colour) -> None:
    for ring in range(10):
        pen.blob((0.82 * aspect, 0.16), (0.24 - 0.016 * ring,) * 2, (255, 244, 200), 16)
    pen.blob((0.82 * aspect, 0.16), (0.075, 0.075), (255, 246, 214))


def _draw_sunset(pen: Pen, aspect: float, _: Colour) -> None:
    for ring in range(14):
        pen.blob((0.74 * aspect, 0.53), (0.5 - 0.026 * ring,) * 2, (255, 196, 130), 15)
    pen.blob((0.74 * aspect, 0.53), (0.12, 0.12), (255, 226, 170))


def _draw_moon(pen: Pen, aspect: float, _: Colour) -> None:
    for x, y in _spread(70, aspect):
        pen.blob((x, y * 0.6), (0.002 + 0.002 * (y * 7 % 1),) * 2, _WHITE, 200)
    for ring in range(8):
        pen.blob((0.17 * aspect, 0.16), (0.15 - 0.011 * ring,) * 2, (230, 236, 255), 12)
    pen.solid((0.17 * aspect, 0.16), (0.065, 0.065), colours=((206, 212, 226), (250, 250, 244)))


def _draw_clouds(pen: Pen, aspect: float, _: Colour) -> None:
    for x, y in ((0.16, 0.12), (0.55, 0.07), (0.9, 0.3), (0.02, 0.36)):
        for across, down, size in (
            (-0.08, 0.01, 0.04),
            (-0.03, -0.01, 0.055),
            (0.035, 0, 0.05),
            (0.08, 0.015, 0.03),
        ):
            pen.blob((x * aspect + across, y + down), (size * 1.3, size * 0.75), _WHITE, 130)


def _draw_rainbow(pen: Pen, aspect: float, _: Colour) -> None:
    colours = ((232, 96, 96), (244, 164, 88), (248, 222, 112), (126, 200, 130), (104, 164, 224), (150, 124, 206))
    half = [(math.cos(math.pi * t / 90), math.sin(math.pi * t / 90)) for t in range(91)]
    for band, colour in enumerate(colours):
        outer, inner = 0.7 - 0.024 * band, 0.676 - 0.024 * band
        bow = [(outer * x, outer * y) for x, y in half] + [(inner * x, inner * y) for x, y in half[::-1]]
        pen.area([(aspect / 2 + x, 0.8 - y) for x, y in bow], colour, 120)


def _draw_hills(pen: Pen, aspect: float, land: Colour) -> None:
    for level, rise, length, pale in ((0.62, 0.045, 1.2, 0.5), (0.71, 0.035, 0.9, 0.28), (0.82, 0.015, 1.6, 0)):
        pen.area(_wave(level, rise, length, aspect, pale), mixed(land, (236, 242, 244), pale))


def _draw_peaks(pen: Pen, aspect: float, land: Colour) -> None:
    for x, top, foot in ((0.1, 0.3, 0.42), (0.95, 0.26, 0.45), (0.68, 0.42, 0.32), (0.36, 0.46, 0.3)):
        for side, colour in ((-1, (172, 188, 210)), (1, (146, 164, 192))):
            pen.area([(x * aspect, top), (x * aspect + side * foot, 0.9), (x * aspect, 0.9)], colour)
        cap = ((0, 0), (0.1, 0.12), (0.04, 0.1), (0.01, 0.14), (-0.04, 0.1), (-0.1, 0.12))
        pen.area([(x * aspect + across * foot * 2.2, top + down) for across, down in cap], (246, 249, 253))
    pen.area(_wave(0.82, 0.02, 1.4, aspect, 0.1), land)


def _draw_pines(pen: Pen, aspect: float, land: Colour) -> None:
    for number, (x, y) in enumerate(_spread(9, aspect)):
        foot, tall = 0.7 + 0.02 * number, 0.24 + 0.1 * y
        pen.line([(x, foot), (x, foot - 0.06)], 0.018, (116, 88, 66))
        for tier in range(3):
            half, low = 0.075 - 0.016 * tier, foot - 0.045 - tier * tall * 0.26
            colour = mixed(mixed(land, (40, 104, 88), 0.55), _WHITE, 0.1 * tier + 0.02 * (9 - number))
            pen.area([(x - half, low), (x + half, low), (x, low - tall * 0.46)], colour)


def _draw_sea(pen: Pen, aspect: float, land: Colour) -> None:
    pen.area(_wave(0.56, 0, 1, aspect, 0), (104, 180, 204))
    for number, (x, y) in enumerate(_spread(26, aspect)):
        down = 0.575 + 0.2 * y
        pen.line([(x, down), (x + 0.05 + 0.002 * number, down)], 0.004, (206, 234, 240), 170)
    pen.area(_wave(0.765, 0.014, 0.7, aspect, 0), (232, 246, 246))
    pen.area(_wave(0.78, 0.014, 0.7, aspect, 0.03), land)


def _draw_city(pen: Pen, aspect: float, land: Colour) -> None:
    for row, (low, pale) in enumerate(((0.3, 0.45), (0.46, 0.15))):
        for number in range(round(aspect * 9) + 1):
            left, top = number / 9 - 0.03 * row, low + 0.13 * (number * 0.618 + 0.3 * row) % 0.17
            colour = mixed((108, 122, 158), (236, 226, 226), pale)
            pen.area([(left, top), (left + 0.095, top), (left + 0.095, 0.9), (left, 0.9)], colour)
            for pane in range(15):
                at = (left + 0.02 + 0.027 * (pane % 3), top + 0.03 + 0.045 * (pane // 3))
                pen.blob(at, (0.008, 0.012), (255, 236, 176), 60 + 150 * ((pane * 5 + number) % 3 == 0), power=6)
    pen.area(_wave(0.8, 0, 1, aspect, 0), land)


def _draw_room(pen: Pen, aspect: float, land: Colour) -> None:
    x = 0.2 * aspect
    for half, colour in ((0.17, (250, 246, 238)), (0.15, (168, 212, 236))):
        pen.area(
            [(x - half, 0.3 - half), (x + half, 0.3 - half), (x + half, 0.3 + half), (x - half, 0.3 + half)],
            colour,
        )
    pen.line([(x, 0.15), (x, 0.45)], 0.014, (250, 246, 238))
    pen.line([(x - 0.15, 0.3), (x + 0.15, 0.3)], 0.014, (250, 246, 238))
    pen.area(_wave(0.8, 0, 1, aspect, 0), land)
    pen.area([(0, 0.8), (aspect, 0.8), (aspect, 0.815), (0, 0.815)], mixed(land, _WHITE, 0.3))


def _draw_floor(pen: Pen, aspect: float, land: Colour) -> None:
    for step in range(12):
        pen.blob((aspect / 2, 0.9), (aspect * (0.75 - 0.04 * step), 0.2 - 0.012 * step), land, 22)


def _draw_flowers(pen: Pen, aspect: float, _: Colour) -> None:
    for number, (x, y) in enumerate(_spread(60, aspect)):
        at, size = (x, 0.86 + 0.14 * y), 0.007 + 0.006 * y
        for petal in range(5):
            turn = petal * math.tau / 5
            leaf = (at[0] + size * math.cos(turn), at[1] + size * math.sin(turn))
            pen.blob(leaf, (size * 0.7,) * 2, ((250, 250, 252), (246, 176, 196), (190, 160, 226))[number % 3])
        pen.blob(at, (size * 0.6,) * 2, (255, 222, 120))


def _draw_rain(pen: Pen, aspect: float, _: Colour) -> None:
    for x, y in _spread(150, aspect):
        pen.line([(x, y), (x - 0.012, y + 0.05)], 0.003, (226, 236, 250), 130)


def _draw_snow(pen: Pen, aspect: float, _: Colour) -> None:
    for x, y in _spread(150, aspect):
        pen.blob((x, y), (0.003 + 0.006 * (y * 11 % 1),) * 2, _WHITE, 220)


def _draw_fog(pen: Pen, aspect: float, _: Colour) -> None:
    for x, y in _spread(16, aspect):
        for ring in range(6):
            pen.blob((x, 0.45 + 0.5 * y), (0.6 - 0.07 * ring, 0.09 - 0.012 * ring), (244, 247, 249), 22)


def _draw_leaves(pen: Pen, aspect: float, _: Colour) -> None:
    for number, (x, y) in enumerate(_spread(46, aspect)):
        colour = ((214, 148, 62), (196, 104, 70), (224, 184, 92))[number % 3]
        pen.blob((x, y), (0.008 + 0.008 * (number % 2), 0.014 - 0.006 * (number % 2)), colour, 230)


def _draw_fireflies(pen: Pen, aspect: float, _: Colour) -> None:
    for x, y in _spread(26, aspect):
        for radius, alpha in ((0.02, 40), (0.011, 90), (0.005, 255)):
            pen.blob((x, 0.25 + 0.7 * y), (radius, radius), (250, 240, 150), alpha)


_THINGS: dict[str, Callable[[Pen, float, Colour], None]] = {
    "city": _draw_city,
    "clouds": _draw_clouds,
    "fireflies": _draw_fireflies,
    "floor": _draw_floor,
    "flowers": _draw_flowers,
    "fog": _draw_fog,
    "hills": _draw_hills,
    "leaves": _draw_leaves,
    "moon": _draw_moon,
    "peaks": _draw_peaks,
    "pines": _draw_pines,
    "rain": _draw_rain,
    "rainbow": _draw_rainbow,
    "room": _draw_room,
    "sea": _draw_sea,
    "snow": _draw_snow,
    "sun": _draw_sun,
    "sunset": _draw_sunset,
}
