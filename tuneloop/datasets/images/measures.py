"""Brightness of a decoded image, whatever its mode, and numbers over it that tell blurred, flat and dark ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from PIL import Image

LONGEST_SIDE_PX = 400
"""Larger images are measured at this size: finer blur is nothing that a trainer at 1,024 pixels would learn."""
_SHARPEST_SHARE = 0.001
"""Share of the pixels on which sharpness is judged: a sharp face before a blurred background is sharp."""
_OUTLIERS_SHARE = 0.005
_LEVELS = np.arange(256)
_WHITE = _OPAQUE = 255


class Brightness(NamedTuple):
    """An image without its colors."""

    gray: Image.Image
    """Mode L, scaled down; transparent parts are white, as on the copies that are sent."""
    alpha: bool


def brightness_of(image: Image.Image) -> Brightness:
    """Scale down and drop the colors. The image must be loaded."""
    if image.mode.startswith("I"):
        return _of_sixteen_bits(image)
    if image.has_transparency_data:
        return _on_white(image if image.mode == "LA" else image.convert("RGBA"))
    if image.mode not in {"L", "RGB"}:
        image = image.convert("RGB")
    return Brightness(_reduced(image).convert("L"), alpha=False)


def _of_sixteen_bits(image: Image.Image) -> Brightness:
    """Keep the upper half of each value: Pillow would clip instead."""
    levels = np.asarray(image)
    clear = image.info.get("transparency")
    alpha = isinstance(clear, int) and bool((levels == clear).any())
    upper = (levels >> 8).astype(np.uint8)
    if alpha:
        upper[levels == clear] = _WHITE
    return Brightness(_reduced(Image.fromarray(upper)), alpha)


def _on_white(image: Image.Image) -> Brightness:
    lowest, _ = image.getchannel("A").getextrema()
    small = _reduced(image)
    gray, opacity = small.convert("L"), small.getchannel("A")
    white = Image.new("L", small.size, _WHITE)
    return Brightness(Image.composite(gray, white, opacity), alpha=lowest < _OPAQUE)  # type: ignore[operator]


def _reduced(image: Image.Image) -> Image.Image:
    """Average whole squares of pixels, quickly, to at most twice the size that is measured."""
    return image.reduce(max(1, max(image.size) // LONGEST_SIDE_PX))


def at_measuring_size(gray: Image.Image) -> Image.Image:
    """Scale an image of mode L down to the size at which images are compared; smaller ones stay."""
    longest = max(gray.size)
    scale = min(1.0, LONGEST_SIDE_PX / longest)
    # The filter below needs three pixels each way.
    width, height = (max(3, round(side * scale)) for side in gray.size)
    return gray if (width, height) == gray.size else gray.resize((width, height), Image.Resampling.BOX)


def measured(gray: Image.Image) -> dict[str, Any]:
    """Measure an image that is at its measuring size. Returns those fields of `ImageInfo`."""
    counts = np.array(gray.histogram())
    mean = float(counts @ _LEVELS / counts.sum())
    spread = float(np.sqrt(counts @ (_LEVELS - mean) ** 2 / counts.sum()))
    # A step of n levels answers n where it is sharp, and the less the longer it takes, whatever else is there.
    edges = np.array(_edges(gray).histogram())
    span = _level_above(counts, _OUTLIERS_SHARE) - _level_above(counts, 1 - _OUTLIERS_SHARE)
    sharpness = _level_above(edges, _SHARPEST_SHARE) / max(span, 1)
    return {"sharpness": sharpness, "mean": mean, "spread": spread}


def _edges(gray: Image.Image) -> Image.Image:
    """How much brighter each inner pixel is than its four neighbors together (the Laplacian), up to 255.

    In numpy, for Pillow's own filter takes ten times as long.
    """
    levels = np.asarray(gray).astype(np.int16)
    edges = 4 * levels[1:-1, 1:-1]
    for neighbors in (levels[:-2, 1:-1], levels[2:, 1:-1], levels[1:-1, :-2], levels[1:-1, 2:]):
        edges -= neighbors
    return Image.fromarray(edges.clip(0, 255).astype(np.uint8))


def _level_above(counts: np.ndarray[tuple[int], np.dtype[np.int64]], share: float) -> int:
    """Lowest level above which no more than a share of the pixels lie."""
    above = counts.sum() - np.cumsum(counts)
    return int(np.argmax(above <= share * counts.sum()))
