"""64 bits that stay nearly the same when an image is encoded again or scaled."""

from __future__ import annotations

import numpy as np
from PIL import Image

_SIDE = 32
"""Images are reduced to this many pixels a side first, whatever their shape."""
_NOISE = 0.1
"""Gray levels below which a component says nothing: encoders change as much."""


def _cosines() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """The orthonormal cosine transform as a matrix, frequency by position."""
    frequency, position = np.mgrid[0:_SIDE, 0:_SIDE]
    matrix = np.cos(np.pi * (2 * position + 1) * frequency / (2 * _SIDE)) * np.sqrt(2 / _SIDE)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, dtype=np.float32)


def _lowest_first() -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Rows and columns of the 64 lowest frequencies, without the mean."""
    order = sorted(((u, v) for u in range(_SIDE) for v in range(_SIDE)), key=lambda at: (at[0] + at[1], at))
    rows, columns = zip(*order[1:65], strict=True)
    return np.array(rows), np.array(columns)


_COSINES = _cosines()
_ROWS, _COLUMNS = _lowest_first()


def perceptual_hash(gray: Image.Image, orientation: int) -> int:
    """Hash the brightness of an image as it is shown.

    Each bit says whether one of the 64 slowest waves across the image goes up by more than noise. So an
    image in which nothing goes up or down hashes to 0.

    Args:
        gray: Mode L, as stored.
        orientation: EXIF orientation, 1 to 8. Turning the reduced image gives the same as turning the large one.
    """
    small = gray.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    levels = upright(np.asarray(small, dtype=np.float32), orientation)
    waves = _COSINES @ levels @ _COSINES.T / _SIDE
    bits = waves[_ROWS, _COLUMNS] > _NOISE
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def upright(
    levels: np.ndarray[tuple[int, int], np.dtype[np.float32]], orientation: int
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Turn and mirror rows and columns as an EXIF orientation demands."""
    if orientation in {5, 6, 7, 8}:
        levels = levels.T
    if orientation in {2, 3, 6, 7}:
        levels = levels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        levels = levels[::-1]
    return levels
