"""Copies of images as the recipe asks for them, decoded."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.datasets.image_facts import facts_of
from tuneloop.datasets.images.inspect import strict_decoding
from tuneloop.datasets.images.normalize import normalized
from tuneloop.schemas.dataset import ImagePreprocessing

PLAIN = ImagePreprocessing()


def made(data: bytes, way: ImagePreprocessing | None = PLAIN) -> Image.Image:
    """The copy, decoded; it must be one."""
    with strict_decoding():
        copy = normalized(data, facts_of(data), way)
    assert copy is not None
    image = Image.open(io.BytesIO(copy))
    image.load()
    return image


def pixels(image: Image.Image) -> NDArray[np.int64]:
    return np.asarray(image).astype(np.int64)


def colorful(width_px: int = 24, height_px: int = 16) -> Image.Image:
    """A smooth image that no rotation and no mirror maps onto itself."""
    across, down = np.meshgrid(np.linspace(0, 255, width_px), np.linspace(0, 255, height_px))
    return Image.fromarray(np.stack([across, down, (across * 0.7 + down * 0.3) / 2], axis=2).astype(np.uint8))
