"""Brightness of a decoded image, whatever its mode."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from tuneloop.datasets.images.measures import LONGEST_SIDE_PX

_WHITE = 255
_OPAQUE = 255


class Brightness(NamedTuple):
    """An image without its colors."""

    gray: Image.Image
    """Mode L, scaled down; transparent parts are white, as on the copies that are sent."""
    alpha: bool
    """Whether any pixel is transparent, wholly or in part."""


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
