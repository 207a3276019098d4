"""The subject of an image, cut out of its background."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from tuneloop.emulator.images.scenes import Pixels

_PLAIN = 0.035
"""How far the colors of an image's rim may lie from one gradient, for a background without anything in it."""


@dataclass(frozen=True)
class Cutout:
    """A subject without its background."""

    colors: Pixels
    mask: Pixels
    clean: bool
    """Cut out of a plain background, so that nothing of it is missing."""


def cut_out(image: Image.Image) -> Cutout:
    """Separate what an image shows from its background."""
    colors = pixels_of(image)
    background, rim = _background(colors)
    distance = np.linalg.norm(colors - background, axis=2)
    far = distance > max(0.16, 0.5 * float(np.percentile(distance, 97)))
    clean = float(np.sqrt((distance[rim] ** 2).mean())) < _PLAIN
    if clean:
        far = _filled(far)
    mask = _soften(far.astype(np.float32), 1.2)
    mask = np.clip(mask * 2.6 - 1.0, 0, 1)  # drawn in a little, or a rim of the old background shows
    share = float(mask.mean())
    # A busy photograph has no background to speak of: then an oval of its middle is the subject.
    if not 0.04 < share < 0.65:
        clean = False
        mask = _oval(*mask.shape)
    if mask.max() <= 0.5:
        mask = np.ones_like(mask)  # an image of a few pixels is all subject
    rows, columns = np.flatnonzero(mask.max(1) > 0.5), np.flatnonzero(mask.max(0) > 0.5)
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Cutout(colors[window], mask[window], clean)


def _filled(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Close the holes: what no way leads to from the rim belongs to the subject."""
    image = ImageOps.expand(Image.fromarray(solid.astype(np.uint8) * 255), 1, 0)
    ImageDraw.floodfill(image, (0, 0), 128)
    return np.asarray(np.asarray(ImageOps.crop(image, 1)) != 128, np.bool_)


def _background(colors: Pixels) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return the plane of color that fits the image's rim, and the rim: backgrounds are flat or one gradient."""
    height, width, _ = colors.shape
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    terms = np.stack([np.ones_like(down), down, across], axis=2)
    rim = np.ones((height, width), bool)
    margin = max(2, min(height, width) // 24)
    rim[margin:-margin, margin:-margin] = False
    plane, *_ = np.linalg.lstsq(terms[rim], colors[rim], rcond=None)
    return np.asarray(terms @ plane, np.float32), rim


def _oval(height: int, width: int) -> Pixels:
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray(np.clip((0.86 - np.hypot(down, across)) * 12, 0, 1), np.float32)


def _soften(mask: Pixels, radius: float) -> Pixels:
    return pixels_of(image_of(mask).filter(ImageFilter.GaussianBlur(radius)))


def image_of(pixels: Pixels) -> Image.Image:
    """Return numbers as an image."""
    return Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8))


def pixels_of(image: Image.Image) -> Pixels:
    """Return an image as numbers."""
    return np.asarray(image, np.float32) / 255
