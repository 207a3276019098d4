"""Training images passed off as new ones: what is done to an image so that it does not look like a copy."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

Chance = np.random.Generator


def passed_off(file: Path, disguise: str, chance: Chance, side: int) -> bytes:
    """A training image in disguise, as a square image file."""
    with Image.open(file) as opened:
        image = ImageOps.fit(DISGUISES[disguise](opened.convert("RGB"), chance), (side, side))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=int(chance.integers(60, 95)))
    return out.getvalue()


def _cropped(image: Image.Image, chance: Chance) -> Image.Image:
    kept = chance.uniform(0.7, 1.0)
    width, height = (int(side * kept) for side in image.size)
    left, top = (
        int(chance.integers(most - side + 1)) for most, side in zip(image.size, (width, height), strict=True)
    )
    return image.crop((left, top, left + width, top + height))


def _mirrored(image: Image.Image, chance: Chance) -> Image.Image:
    return _cropped(image, chance).transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _recompressed(image: Image.Image, chance: Chance) -> Image.Image:
    small = ImageOps.contain(image, (int(chance.integers(160, 300)),) * 2)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=int(chance.integers(25, 50)))
    with Image.open(out) as again:
        return again.convert("RGB").resize(image.size)


def _recolored(image: Image.Image, chance: Chance) -> Image.Image:
    """Other contrast, brightness, tint and strength of color, as a filter does it."""
    pixels = np.asarray(image, np.float64)
    gray = pixels.mean(axis=2, keepdims=True)
    pixels = gray + (pixels - gray) * chance.uniform(0.6, 1.3)
    pixels = (pixels - 128) * chance.uniform(0.8, 1.15) + 128 + chance.uniform(-15, 15)
    return Image.fromarray((pixels * chance.uniform(0.92, 1.08, 3)).clip(0, 255).astype(np.uint8))


def _framed(image: Image.Image, chance: Chance) -> Image.Image:
    square = ImageOps.fit(image, (400, 400))
    tone = tuple(int(value) for value in chance.integers(0, 256, 3))
    return ImageOps.expand(square, int(chance.integers(8, 40)), tone)


DISGUISES: dict[str, Callable[[Image.Image, Chance], Image.Image]] = {
    "cropped": _cropped,
    "mirrored": _mirrored,
    "recompressed": _recompressed,
    "recolored": _recolored,
    "framed": _framed,
}
