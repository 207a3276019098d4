"""Images of varied kinds, made by rule: the same ones every time, and no two alike."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw


def scene(number: int, width_px: int = 320, height_px: int = 256, grain: float = 3.0) -> Image.Image:
    """A smooth ground with shapes and lines on it and a little grain, as RGB."""
    random = np.random.default_rng(number)
    ground = random.integers(30, 226, (5, 6, 3)).astype(np.uint8)
    image = Image.fromarray(ground).resize((width_px, height_px), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = int(random.integers(width_px)), int(random.integers(height_px))
        side = int(random.integers(max(2, min(image.size) // 12), max(3, min(image.size) // 3)))
        color = tuple(int(level) for level in random.integers(0, 256, 3))
        draw = pen.ellipse if random.random() < 0.5 else pen.rectangle
        draw((x, y, x + side, y + side // 2), fill=color)
    if not grain:
        return image
    levels = np.asarray(image, dtype=np.float32)
    levels = levels + random.normal(0, grain, (height_px, width_px, 1)).astype(np.float32)
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


def saved(image: Image.Image, image_format: str, **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **settings)
    return buffer.getvalue()


def turned(orientation: int) -> bytes:
    """EXIF data with an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def two_in_one(first: Image.Image, second: Image.Image) -> bytes:
    """A JPEG with a second one behind it, as phones write them."""
    return saved(first, "MPO", save_all=True, append_images=[second], quality=90)
