"""Edits: what a model makes of an image after it has learned from pairs of before and after.

It learned the mean difference between the images of a pair, and adds it to any other image. Same arguments,
same bytes.
"""

import functools
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tuneloop.emulator.archives import pair_names
from tuneloop.emulator.images.drawing import DrawRequest, Model, developed, quality
from tuneloop.emulator.images.scenes import Pixels, chance_of
from tuneloop.emulator.images.subjects import pixels_of

_SIDE = 256
"""Pixels; pairs are compared at this size."""
_REMEMBERED = 8


def edited(model: Model, request: DrawRequest, before: bytes) -> bytes:
    """Return an image file: `before`, fitted into the requested size, with the edit that the model learned.

    Raises:
        OSError: if `before` is no image.
    """
    change, pairs = _learn(model.archive, model.mark)
    trained = quality(model, pairs)
    shown = float(np.clip(request.strength, 0, 1)) * (0.4 + 0.6 * trained.fit)
    size = request.width, request.height
    with Image.open(io.BytesIO(before)) as opened:
        fitted = pixels_of(ImageOps.fit(_upright(opened), size))
    # As an image, the change has its zero at half of the range.
    halved = Image.fromarray(np.round((change + 1) / 2 * 254).astype(np.uint8)).resize(size)
    image = fitted + (np.asarray(halved, np.float32) / 127 - 1) * shown
    return developed(image, trained, request, chance_of("grain", model.mark, request.prompt, request.seed))


def size_of(image: bytes) -> tuple[int, int]:
    """Return width and height of an image as it is seen.

    Raises:
        OSError: if it is no image.
    """
    with Image.open(io.BytesIO(image)) as opened:
        return _upright(opened).size


@functools.lru_cache(maxsize=16)
def _learn(archive: Path, mark: str) -> tuple[Pixels, int]:  # noqa: ARG001 - a new mark means new content
    """Return the mean change, `(256, 256, 3)` from -1 to 1, and the number of pairs."""
    with zipfile.ZipFile(archive) as opened:
        names = pair_names(opened)
        chosen = names[:: max(1, len(names) // _REMEMBERED)][:_REMEMBERED]
        changes = [_read(opened, end) - _read(opened, start) for start, end in chosen]
    return np.mean(changes, axis=0), len(names)


def _read(archive: zipfile.ZipFile, name: str) -> Pixels:
    with archive.open(name) as file, Image.open(file) as image:
        return pixels_of(_upright(image).resize((_SIDE, _SIDE)))


def _upright(image: Image.Image) -> Image.Image:
    return (ImageOps.exif_transpose(image) or image).convert("RGB")
