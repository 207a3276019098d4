"""Pictures for a first try: ROBOX, a small orange robot, in twenty places. All of them are drawn here."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from PIL import Image

from deployments.sample_pen import Pen, mixed
from deployments.sample_robot import draw_robot
from deployments.sample_scenery import draw_thing
from deployments.sample_scenes import SCENES, Scene
from tuneloop.dataset.listing import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path

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


def leave_one_out(source: Path, target: Path) -> None:
    """Copy any folder of pictures, with their captions, but for its last picture by name.

    Raises:
        FileExistsError: The target is there already; a mixture of two datasets would go unnoticed.
    """
    target.mkdir(parents=True)
    files = [path for path in sorted(source.iterdir()) if path.is_file()]
    left_out = [path.stem for path in files if path.suffix.lower() in PICTURE_SUFFIXES][-1:]
    for path in files:
        if path.stem not in left_out:
            shutil.copyfile(path, target / path.name)


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
