"""Fingerprints of images and their crops, and the exact search among them.

A fingerprint is 384 bits: whether red, green and blue rise from each of 8 x 8 cells to its right and to its lower
neighbor. Contrast, size and compression hardly change it; a crop does, so every image is kept with a family of
crops, mirrored too. The search compares with all of them: it is exact, not approximate.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tuneloop.evaluation.metrics.features import ScoringImage

_CELLS = 8
_SCALES = (1.0, 0.93, 0.86, 0.8, 0.74, 0.68, 0.62, 0.57, 0.52)
_SURE = 0.01
"""Difference of a color, 0 to 1, that grain and compression do not turn round."""
_STEP = 0.08
"""Shift from one crop to the next, as a share of its side: about half a cell, which hardly turns a bit."""

Bits = NDArray[np.uint64]


class Window(NamedTuple):
    """A part of an image, in shares of its sides."""

    left: float
    top: float
    width: float
    height: float
    mirrored: bool
    """The image was mirrored before it was cut."""


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints of many images, each with its crops.

    Attributes:
        bits: `(windows, 6)` of 64 bits each.
        sure: Likewise, which of them say something: where an image is flat, grain decides.
        images: `(windows,)`, the number of the image that each window is of.
    """

    bits: Bits
    sure: Bits
    images: NDArray[np.intp]
    windows: tuple[Window, ...]

    @classmethod
    def of(cls, images: Iterable[ScoringImage], aspect: float) -> Fingerprints:
        """Take those of every image. `aspect` is that of the images that will be compared: crops have it too."""
        bits, sure, numbers, windows = [], [], [], []
        for number, image in enumerate(images):
            for mirrored in (False, True):
                family, places = _family(image.pixels.shape[:2], aspect, mirrored=mirrored)
                some, certain = _surely(image.pixels[:, ::-1] if mirrored else image.pixels, places)
                bits.append(some)
                sure.append(certain)
                windows += family
                numbers.append(np.full(len(family), number, np.intp))
        return cls(np.concatenate(bits), np.concatenate(sure), np.concatenate(numbers), tuple(windows))

    def crops_like(self, image: ScoringImage, count: int) -> list[tuple[int, Window]]:
        """The window of each of the nearest images that is most like a whole one, nearest first."""
        bits, sure = _surely(image.pixels, _PLACE)
        # Flat in one of them only is half a difference: the other's bit may be right by chance.
        opposite, unsure = (self.bits ^ bits) & self.sure & sure, self.sure ^ sure
        distance = 2 * _count(opposite) + _count(unsure)
        best: dict[int, Window] = {}
        for at in np.argsort(distance, kind="stable"):
            best.setdefault(int(self.images[at]), self.windows[at])
            if len(best) == count:
                break
        return list(best.items())

    def in_common(self, image: ScoringImage) -> float:
        """Share of the bits that say something which the nearest whole image has too, 0 to 1."""
        whole = np.asarray([window == _WHOLE for window in self.windows])
        bits, sure = _surely(image.pixels, _PLACE)
        different = _count((self.bits[whole] ^ bits) & sure)
        return 1 - float(different.min()) / max(1, int(_count(sure)[0]))


_WHOLE = Window(0.0, 0.0, 1.0, 1.0, mirrored=False)
_PLACE = np.asarray([_WHOLE[:4]])


@functools.lru_cache(maxsize=256)
def _family(
    shape: tuple[int, int], aspect: float, *, mirrored: bool
) -> tuple[list[Window], NDArray[np.floating[Any]]]:
    """The whole image, and undistorted crops of one form at every scale and place; the same as an array."""
    height, width = shape
    wide = min(1.0, aspect * height / width)
    tall = min(1.0, width / (aspect * height))
    family = [_WHOLE._replace(mirrored=mirrored)] + [
        Window(float(left), float(top), wide * scale, tall * scale, mirrored)
        for scale in _SCALES
        for top in _starts(tall * scale)
        for left in _starts(wide * scale)
        if (wide * scale, tall * scale) != (1.0, 1.0)
    ]
    return family, np.asarray([window[:4] for window in family])


def _starts(side: float) -> NDArray[np.floating[Any]]:
    return np.linspace(0, 1 - side, 1 + math.ceil((1 - side) / (_STEP * side)))


def _surely(pixels: NDArray[np.uint8], places: NDArray[np.floating[Any]]) -> tuple[Bits, Bits]:
    """Bits of each place, and which of them say something."""
    rises = np.concatenate([_rises(pixels[..., channel], places) for channel in range(3)], axis=1)
    return _packed(rises > 0), _packed(np.abs(rises) > _SURE * 255)


def _count(bits: Bits) -> NDArray[np.intp]:
    return np.asarray(np.bitwise_count(bits).sum(axis=1, dtype=np.intp), np.intp)


def _rises(channel: NDArray[np.uint8], places: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """How much more each cell's right and lower neighbors have of a color, `(places, 128)`."""
    height, width = channel.shape
    # Sums over all pixels above and left of each corner: the mean of any cell is four look-ups.
    sums = np.pad(channel.cumsum(0, np.int64).cumsum(1), ((1, 0), (1, 0)))
    # One cell more than bits, each way, so that every one has a neighbor.
    steps = np.linspace(0, 1, _CELLS + 2)
    left, top, wide, tall = (places[:, column, None] for column in range(4))
    rows = np.rint((top + tall * steps) * height).astype(np.intp)
    columns = np.rint((left + wide * steps) * width).astype(np.intp)
    corners = sums[rows[:, :, None], columns[:, None, :]]
    cells = corners[:, 1:, 1:] - corners[:, :-1, 1:] - corners[:, 1:, :-1] + corners[:, :-1, :-1]
    means = cells / np.maximum(np.diff(rows)[:, :, None] * np.diff(columns)[:, None, :], 1)
    right = (means[:, :, 1:] - means[:, :, :-1])[:, :_CELLS, :_CELLS]
    below = (means[:, 1:] - means[:, :-1])[:, :_CELLS, :_CELLS]
    return np.concatenate([right.reshape(len(places), -1), below.reshape(len(places), -1)], axis=1)


def _packed(bits: NDArray[np.bool_]) -> Bits:
    return np.packbits(bits, axis=1).view(np.uint64)
