"""Pictures for a first try: ROBOX, a small orange robot, in twenty places. All of them are drawn here."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from PIL import Image

from tuneloop.datasets.listing import PICTURE_SUFFIXES
from tuneloop.datasets.pairs import parse_pair_name
from tuneloop.demo.sample.pen import Pen, mixed
from tuneloop.demo.sample.robot import draw_robot
from tuneloop.demo.sample.scenery import draw_thing
from tuneloop.demo.sample.scenes import SCENES, Scene

if TYPE_CHECKING:
    from pathlib import Path

_PAIRS, _PAIRS_WITH_INSTRUCTION = 8, 3
_ONE_OF = 4
_FINER = 2
"""Pictures are drawn this much larger and then reduced, which smooths every edge."""


def draw_sample_pictures(folder: Path) -> None:
    """Draw the twenty pictures into a folder, with the captions of thirteen beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for scene in SCENES:
        path = folder / scene.file_name
        _painted(scene).save(path, quality=88, method=2)
        if scene.caption is not None:
            path.with_suffix(".txt").write_text(scene.caption + "\n", encoding="utf-8")


def draw_sample_pairs(folder: Path) -> None:
    """Draw eight edit pairs into a folder, the robot without and with a hat; three have an instruction beside."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, scene in enumerate(SCENES[:_PAIRS], 1):
        for half, prop in (("start", ""), ("end", "hat")):
            posed = scene._replace(pose=scene.pose._replace(prop=prop))
            _painted(posed).save(folder / f"{number:02d}_{half}.jpg", quality=88)
        if number <= _PAIRS_WITH_INSTRUCTION:
            (folder / f"{number:02d}.txt").write_text("give the robot a hat\n", encoding="utf-8")


def take_some(source: Path, target: Path) -> None:
    """Copy a quarter of any folder's pictures or pairs, two at least, with their captions.

    Raises:
        FileExistsError: The target is there already; a mixture of two datasets would go unnoticed.
    """
    target.mkdir(parents=True)
    files = [path for path in sorted(source.iterdir()) if path.is_file()]
    names = list(dict.fromkeys(_name_of(path) for path in files if path.suffix.lower() in PICTURE_SUFFIXES))
    taken = set(names[:: max(1, min(_ONE_OF, len(names) // 2))])
    for path in files:
        if _name_of(path) in taken:
            shutil.copyfile(path, target / path.name)


def _name_of(path: Path) -> str:
    """What a picture, its caption and the other half of its pair have in common."""
    half = parse_pair_name(path.stem)
    return half.pair if half else path.stem


def _painted(scene: Scene) -> Image.Image:
    width, height = (_FINER * side for side in scene.size)
    column = Image.new("RGB", (1, 64))
    for row in range(64):
        column.putpixel((0, row), mixed(*scene.sky, row / 63))
    image = column.resize((width, height), Image.Resampling.BILINEAR)
    pen, aspect = Pen(image, (0, 0), height), width / height
    for thing in scene.behind.split():
        draw_thing(thing, pen, aspect, scene.land)
    feet, tall = (scene.across * width, 0.91 * height), scene.tall * height
    Pen(image, feet, tall).blob((0.02, 0), (0.34, 0.045), (20, 24, 40), 70)
    draw_robot(Pen(image, feet, tall, scene.pose.tilt), scene.pose)
    for thing in scene.before.split():
        draw_thing(thing, pen, aspect, scene.land)
    return image.reduce(_FINER)
