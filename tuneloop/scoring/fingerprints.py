"""Fingerprints of pictures and their crops, and the exact search among them.

A fingerprint is 128 bits: whether brightness rises from each of 8 x 8 cells to its right and to its lower
neighbour. Contrast, colour, size and compression hardly change it; a crop does, so every picture is kept with a
family of crops, mirrored too. The search compares with all of them: it is exact, not approximate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tuneloop.scoring.look import Look

_CELLS = 8
_SCALES = (1.0, 0.93, 0.86, 0.8, 0.74, 0.68, 0.62, 0.57, 0.52)
_SURE = 0.01
"""Difference of brightness, 0 to 1, that grain and compression do not turn round."""
_STEP = 0.08
"""Shift from one crop to the next, as a share of its side: about half a cell, which hardly turns a bit."""

Bits = NDArray[np.uint64]


class Window(NamedTuple):
    """A part of a picture, in shares of its sides."""

    left: float
    top: float
    scale: float
    """Its width and its height."""
    mirrored: bool
    """The picture was mirrored before it was cut."""


def _family() -> list[Window]:
    plain = [Window(0.0, 0.0, 1.0, mirrored=False)] + [
        Window(float(left), float(top), scale, mirrored=False)
        for scale in _SCALES[1:]
        for top in _starts(scale)
        for left in _starts(scale)
    ]
    return [*plain, *(window._replace(mirrored=True) for window in plain)]


def _starts(scale: float) -> NDArray[np.floating[Any]]:
    return np.linspace(0, 1 - scale, 1 + math.ceil((1 - scale) / (_STEP * scale)))


FAMILY = _family()
"""The windows of every picture: first the whole of it, then its crops, then all of them mirrored."""
_PLACES = np.asarray([window[:3] for window in FAMILY[: len(FAMILY) // 2]])


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints of many pictures.

    Attributes:
        bits: `(pictures, windows, 2)`, the windows being those of `FAMILY`, of 64 bits each.
    """

    bits: Bits

    @classmethod
    def joined(cls, parts: Sequence[Bits]) -> Fingerprints:
        """Those of many pictures, in their order."""
        return cls(np.stack(parts))

    def crops_like(self, look: Look, count: int) -> list[tuple[int, Window]]:
        """The window of each of the nearest pictures that looks most like a whole one, nearest first."""
        bits, sure = _surely(look)
        distance = np.bitwise_count((self.bits ^ bits) & sure).sum(axis=2, dtype=np.intp)
        best = distance.argmin(axis=1)
        order = np.argsort(distance.min(axis=1), kind="stable")[:count]
        return [(int(number), FAMILY[int(best[number])]) for number in order]

    def in_common(self, look: Look) -> float:
        """Share of the bits that say something which the nearest whole picture has too, 0 to 1."""
        bits, sure = _surely(look)
        different = np.bitwise_count((self.bits[:, 0] ^ bits) & sure).sum(axis=1, dtype=np.intp).min()
        return 1 - float(different) / max(1, int(np.bitwise_count(sure).sum()))


def _surely(look: Look) -> tuple[Bits, Bits]:
    """Bits of a whole picture, and which of them say something: where it is flat, grain decides them."""
    rises = _rises(look.grey, _PLACES[:1])
    return _packed(rises > 0), _packed(np.abs(rises) > _SURE)


def fingerprints(look: Look) -> Bits:
    """Those of a picture and all its crops, `(windows, 2)`."""
    return np.concatenate([_packed(_rises(grey, _PLACES) > 0) for grey in (look.grey, look.grey[:, ::-1])])


def _rises(grey: NDArray[np.floating[Any]], places: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """How much brighter each cell's right and lower neighbours are, `(places, 128)`."""
    height, width = grey.shape
    # Sums over all pixels above and left of each corner: the mean of any cell is four look-ups.
    sums = np.pad(grey.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    # One cell more than bits, each way, so that every one has a neighbour.
    steps = np.linspace(0, 1, _CELLS + 2)
    left, top, scale = (places[:, column, None] for column in range(3))
    rows = np.rint((top + scale * steps) * height).astype(np.intp)
    columns = np.rint((left + scale * steps) * width).astype(np.intp)
    corners = sums[rows[:, :, None], columns[:, None, :]]
    cells = corners[:, 1:, 1:] - corners[:, :-1, 1:] - corners[:, 1:, :-1] + corners[:, :-1, :-1]
    means = cells / np.maximum(np.diff(rows)[:, :, None] * np.diff(columns)[:, None, :], 1)
    right = (means[:, :, 1:] - means[:, :, :-1])[:, :_CELLS, :_CELLS]
    below = (means[:, 1:] - means[:, :-1])[:, :_CELLS, :_CELLS]
    return np.concatenate([right.reshape(len(places), -1), below.reshape(len(places), -1)], axis=1)


def _packed(bits: NDArray[np.bool_]) -> Bits:
    return np.packbits(bits, axis=1).view(np.uint64)
