"""What the scorers remember of the images that a model was trained on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tuneloop.errors import DatasetError
from tuneloop.evaluation.metrics.fingerprints import Fingerprints
from tuneloop.evaluation.metrics.look import Array, Look
from tuneloop.evaluation.metrics.measures import edge_sharpness, grain, outlines, palette, tone_points


@dataclass(frozen=True)
class TrainingSet:
    """A dataset in numbers: a few kilobytes for each image, whatever its size.

    Attributes:
        names: One for each image, by which `read` finds it.
        read: Opens an image for a closer look.
        sharpness: `(images,)`, see `measures`.
        grain: `(images,)`.
        tones: `(images, 4)`.
        palettes: `(images, 216)`.
        outlines: `(images, 128)`.
    """

    names: tuple[str, ...]
    read: Callable[[str], Look]
    sharpness: Array
    grain: Array
    tones: Array
    palettes: Array
    outlines: Array

    def prints(self, aspect: float) -> Fingerprints:
        """Fingerprints of every image and of its crops of one form (width to height)."""
        return _prints(self.names, self.read, round(aspect, 3))


@functools.lru_cache(maxsize=4)
def _prints(names: tuple[str, ...], read: Callable[[str], Look], aspect: float) -> Fingerprints:
    return Fingerprints.of((read(name) for name in names), aspect)


def study(names: Sequence[str], read: Callable[[str], Look]) -> TrainingSet:
    """Look at every image of a dataset once, one at a time.

    Args:
        names: The images.
        read: Opens one of them.

    Raises:
        DatasetError: There is none.
    """
    if not names:
        raise DatasetError("there is no training image to compare with")
    looks = (read(name) for name in names)
    measured = [
        (edge_sharpness(look), grain(look), tone_points(look), palette(look), outlines(look)) for look in looks
    ]
    sharp, grainy, tones, palettes, edges = zip(*measured, strict=True)
    return TrainingSet(
        names=tuple(names),
        read=read,
        sharpness=np.asarray(sharp),
        grain=np.asarray(grainy),
        tones=np.stack(tones),
        palettes=np.stack(palettes),
        outlines=np.stack(edges),
    )
