"""What a "trained" model remembers of its images: their colors, and their subjects cut out."""

import functools
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from tuneloop.emulator.archives import image_names

Pixels = NDArray[np.floating[Any]]
"""Values 0 to 1; `(h, w, 3)` colors, `(h, w)` masks."""

_SIDE = 384
"""Longest side of a remembered image, in pixels."""
_REMEMBERED = 8
_COLORS = 6


@dataclass(frozen=True)
class Cutout:
    """A subject without its background."""

    colors: Pixels
    mask: Pixels


@dataclass(frozen=True)
class Memory:
    """What is left of a dataset."""

    palette: Pixels
    """`(6, 3)`, dark to light."""
    subjects: tuple[Cutout, ...]
    wholes: tuple[Pixels, ...]
    """`(h, w, 3)`, the remembered images themselves."""
    images: int
    """Images in the dataset, remembered or not."""


@functools.lru_cache(maxsize=16)
def remember(archive: Path, mark: str) -> Memory:  # noqa: ARG001 - a new mark means new content under the path
    """Study the archive of a dataset; quick from the second time on."""
    with zipfile.ZipFile(archive) as opened:
        names = image_names(opened)
        # Spread over the whole set, which often comes in the order it was taken.
        chosen = names[:: max(1, len(names) // _REMEMBERED)][:_REMEMBERED]
        thumbnails = []
        for name in chosen:
            with opened.open(name) as file, Image.open(file) as image:
                image.draft("RGB", (_SIDE * 2, _SIDE * 2))
                upright = ImageOps.exif_transpose(image).convert("RGB")
                upright.thumbnail((_SIDE, _SIDE))
                thumbnails.append(upright)
    subjects = tuple(_cut_out(image) for image in thumbnails)
    wholes = tuple(np.asarray(image, np.float32) / 255 for image in thumbnails)
    return Memory(_palette(thumbnails), subjects, wholes, len(names))


def _palette(images: list[Image.Image]) -> Pixels:
    sheet = Image.new("RGB", (64 * len(images), 64))
    for position, image in enumerate(images):
        sheet.paste(image.resize((64, 64)), (64 * position, 0))
    flat = sheet.quantize(_COLORS, kmeans=1).getpalette() or []
    colors = np.asarray((flat + [128] * 3 * _COLORS)[: 3 * _COLORS], np.float32).reshape(_COLORS, 3) / 255
    return colors[np.argsort(colors @ _LUMA)]


_LUMA = np.asarray([0.299, 0.587, 0.114], np.float32)


def _cut_out(image: Image.Image) -> Cutout:
    colors = np.asarray(image, np.float32) / 255
    distance = np.linalg.norm(colors - _background(colors), axis=2)
    far = distance > max(0.16, 0.5 * float(np.percentile(distance, 97)))
    mask = _soften(far.astype(np.float32), 1.2)
    mask = np.clip(mask * 2.6 - 1.0, 0, 1)  # drawn in a little, or a rim of the old background shows
    share = float(mask.mean())
    # A busy photograph has no background to speak of: then an oval of its middle is the subject.
    if not 0.04 < share < 0.65:
        mask = _oval(*mask.shape)
    if mask.max() <= 0.5:
        mask = np.ones_like(mask)  # an image of a few pixels is all subject
    rows, columns = np.flatnonzero(mask.max(1) > 0.5), np.flatnonzero(mask.max(0) > 0.5)
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Cutout(colors[window], mask[window])


def _background(colors: Pixels) -> Pixels:
    """Return the plane of color that fits the image's rim: backgrounds are flat or one gradient."""
    height, width, _ = colors.shape
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    terms = np.stack([np.ones_like(down), down, across], axis=2)
    rim = np.ones((height, width), bool)
    margin = max(2, min(height, width) // 24)
    rim[margin:-margin, margin:-margin] = False
    plane, *_ = np.linalg.lstsq(terms[rim], colors[rim], rcond=None)
    return np.asarray(terms @ plane, np.float32)


def _oval(height: int, width: int) -> Pixels:
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray(np.clip((0.86 - np.hypot(down, across)) * 12, 0, 1), np.float32)


def _soften(mask: Pixels, radius: float) -> Pixels:
    blurred = Image.fromarray((mask * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(blurred, np.float32) / 255
