"""An image as the scorers see it: upright, small, and always measured the same way."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tuneloop.datasets.images.orientation import apply_orientation, orientation_of

Array = NDArray[np.floating[Any]]

SIDE_PX = 256
"""Longest side at which images are measured: enough to see blur and grain, little enough for hundreds."""
_LUMA = np.asarray([0.299, 0.587, 0.114], np.float32)


def upright(data: bytes) -> Image.Image:
    """Decode an image file as RGB, turned as its EXIF data say. Raises `OSError` where it is none.

    A JPEG may come smaller than it is, but no side below 512 pixels that was not so before.
    """
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("RGB", (SIDE_PX * 2, SIDE_PX * 2))
        image = apply_orientation(opened, orientation_of(opened))
        if image.mode.startswith("I;16"):  # Pillow would call everything from 255 of 65,535 on white
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        return image.convert("RGB")


def brightness(colors: Array) -> Array:
    """`(h, w)` of `(h, w, 3)`, both 0 to 1."""
    red, green, blue = (colors[..., channel] * weight for channel, weight in enumerate(_LUMA))
    return np.asarray(red + green + blue, np.float32)


@dataclass(frozen=True)
class Look:
    """One decoded image.

    Attributes:
        pixels: `(h, w, 3)` 8-bit sRGB, at most 256 on the longer side.
    """

    pixels: NDArray[np.uint8]

    @classmethod
    def at(cls, data: bytes) -> Look:
        """Decode an image file. Raises `OSError` where it is none."""
        image = upright(data)
        # Up as well as down: sharpness is only comparable between images of one size.
        scale = SIDE_PX / max(image.size)
        size = (max(8, round(image.width * scale)), max(8, round(image.height * scale)))
        return cls(np.asarray(image.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)))

    @property
    def colors(self) -> Array:
        """`(h, w, 3)`, 0 to 1; made anew each time, for hundreds of images stay decoded."""
        return np.asarray(self.pixels, np.float32) / 255

    @cached_property
    def gray(self) -> Array:
        """`(h, w)`, 0 to 1."""
        return brightness(self.colors)

    def mirrored(self) -> Look:
        """The same image, left and right exchanged."""
        return Look(np.ascontiguousarray(self.pixels[:, ::-1]))
