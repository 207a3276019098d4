"""Edits: what a model makes of an image after it has learned from pairs of before and after.

What differs between the images of a pair is what it learned: a patch that appeared, which it puts at the
same place of any other image, and a change of color everywhere else. Same arguments, same bytes.
"""

import functools
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from tuneloop.emulator.archives import pair_names
from tuneloop.emulator.images.flaws import developed
from tuneloop.emulator.images.memory import Pixels
from tuneloop.emulator.images.scenes import chance_of
from tuneloop.emulator.images.values import DrawRequest, Model, quality

_SIDE = 256
"""Pixels; pairs are compared at this size."""
_REMEMBERED = 8
_LOCAL = 0.6
"""Largest share of an image that counts as a patch; more is a change of the whole."""


@dataclass(frozen=True)
class _Edit:
    """What one pair teaches."""

    colors: Pixels
    """`(256, 256, 3)`, the image after the edit."""
    mask: Pixels
    """`(256, 256)`, where something appeared."""
    tint: Pixels
    """`(3,)`, change of color outside the patch."""


@dataclass(frozen=True)
class _Lesson:
    edits: tuple[_Edit, ...]
    pairs: int


def edited(model: Model, wish: DrawRequest, before: bytes) -> bytes:
    """Return an image file: `before`, fitted into the wished size, with the edit that the model learned.

    Raises:
        OSError: if `before` is no image.
    """
    lesson = _learn(model.archive, model.mark)
    trained = quality(model, lesson.pairs)
    chance = chance_of("edit", wish.prompt, wish.seed)
    edit = lesson.edits[int(chance.integers(len(lesson.edits)))]
    shown = float(np.clip(wish.strength, 0, 1)) * (0.4 + 0.6 * trained.fit)
    with Image.open(io.BytesIO(before)) as opened:
        fitted = ImageOps.fit(_upright(opened), (wish.width, wish.height))
    image = np.asarray(fitted, np.float32) / 255
    image = image + edit.tint * shown
    mask = _resized(edit.mask, wish)[..., None] * shown
    image = image + mask * (_resized(edit.colors, wish) - image)
    return developed(image, trained, wish, chance_of("grain", model.mark, wish.prompt, wish.seed))


def size_of(image: bytes) -> tuple[int, int]:
    """Return width and height of an image as it is seen.

    Raises:
        OSError: if it is no image.
    """
    with Image.open(io.BytesIO(image)) as opened:
        return _upright(opened).size


@functools.lru_cache(maxsize=16)
def _learn(archive: Path, mark: str) -> _Lesson:  # noqa: ARG001 - a new mark means new content under the path
    with zipfile.ZipFile(archive) as opened:
        names = pair_names(opened)
        chosen = names[:: max(1, len(names) // _REMEMBERED)][:_REMEMBERED]
        edits = tuple(_compared(_read(opened, start), _read(opened, end)) for start, end in chosen)
    return _Lesson(edits, len(names))


def _read(archive: zipfile.ZipFile, name: str) -> Pixels:
    with archive.open(name) as file, Image.open(file) as image:
        return np.asarray(_upright(image).resize((_SIDE, _SIDE)), np.float32) / 255


def _upright(image: Image.Image) -> Image.Image:
    return (ImageOps.exif_transpose(image) or image).convert("RGB")


def _compared(before: Pixels, after: Pixels) -> _Edit:
    distance = np.linalg.norm(after - before, axis=2)
    mask = _soft(distance > max(0.12, 0.4 * float(np.percentile(distance, 99))))
    local = float(mask.mean()) < _LOCAL
    if not local:
        mask = np.zeros_like(mask)
    elsewhere = mask < 0.1
    tint = (after - before)[elsewhere].mean(0) if elsewhere.any() else np.zeros(3)
    return _Edit(after, mask, np.asarray(tint, np.float32))


def _soft(mask: np.ndarray) -> Pixels:
    grown = Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(3))
    return np.asarray(grown.filter(ImageFilter.GaussianBlur(2)), np.float32) / 255


def _resized(pixels: Pixels, wish: DrawRequest) -> Pixels:
    flat = Image.fromarray((pixels * 255).astype(np.uint8)).resize((wish.width, wish.height))
    return np.asarray(flat, np.float32) / 255
