"""Grounds before which subjects stand: rough country, lights out of focus, and the grain of film."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from benchmarks.gate.pen import Color, Pen

Chance = np.random.Generator


def color_by_lot(chance: Chance, low: int, high: int) -> Color:
    """Any color whose parts lie between two values."""
    red, green, blue = (int(value) for value in chance.integers(low, high, 3))
    return red, green, blue


def field(chance: Chance, size: tuple[int, int], steepness: float) -> NDArray[np.float64]:
    """Noise whose strength falls with its fineness, as in nature; mean 0, deviation 1."""
    width, height = size
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    fineness = np.hypot(down, across)
    fineness[0, 0] = np.inf
    waves = chance.standard_normal((height, fineness.shape[1])) + 1j * chance.standard_normal(
        (height, fineness.shape[1])
    )
    noise = np.fft.irfft2(waves * fineness**-steepness, (height, width))
    return np.asarray((noise - noise.mean()) / noise.std())


def rough(chance: Chance, size: tuple[int, int], low: Color, high: Color) -> Image.Image:
    """Rough ground under a calmer sky."""
    width, height = size
    sky, ground = field(chance, size, 1.9), field(chance, size, 1.1)
    line = np.asarray(chance.uniform(0.3, 0.7) + 0.05 * field(chance, (width, 1), 1.2)[0])
    below = np.clip((np.linspace(0, 1, height)[:, None] - line[None]) * 60, 0, 1)
    tone = np.clip(0.7 + 0.1 * sky + below * (0.22 * ground - 0.35), 0, 1)[..., None]
    colors = (
        np.asarray(low)
        + tone * (np.asarray(high, float) - np.asarray(low))
        + 40 * (tone - 0.5) * (np.mean(high) > 60)
    )
    return Image.fromarray(colors.clip(0, 255).astype(np.uint8))


def lights(chance: Chance, size: tuple[int, int]) -> Image.Image:
    """Colored lights out of focus."""
    image = Image.new("RGB", size, color_by_lot(chance, 40, 190))
    pen, wide = Pen(image, (0, 0), size[1]), size[0] / size[1]
    for _ in range(14):
        radius = chance.uniform(0.05, 0.2)
        pen.blob(
            (chance.uniform(0, wide), chance.uniform(0, 1)), (radius, radius), color_by_lot(chance, 40, 230), 150
        )
    return image.filter(ImageFilter.GaussianBlur(size[1] / 60))


def grained(chance: Chance, image: Image.Image, deviation: float) -> Image.Image:
    """Add grain."""
    pixels = np.asarray(image) + chance.normal(0, deviation, (image.height, image.width, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def furry(chance: Chance, image: Image.Image, before: Image.Image) -> Image.Image:
    """Give everything that was drawn the texture of fur, and all of it grain."""
    drawn = (np.asarray(image) != np.asarray(before)).any(axis=2)
    tone = field(chance, image.size, 0.7) * 14 * drawn + chance.normal(0, 3, drawn.shape)
    return Image.fromarray((np.asarray(image) + tone[..., None]).clip(0, 255).astype(np.uint8))
