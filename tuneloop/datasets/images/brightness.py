"""Brightness of a decoded picture, whatever its mode."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from tuneloop.datasets.images.measures import LONGEST_SIDE_PX

_WHITE = 255
_OPAQUE = 255


class Brightness(NamedTuple):
    """A picture without its colours."""

    grey: Image.Image
    """Mode L, scaled down; transparent parts are white, as on the copies that are sent."""
    alpha: bool
    """Whether any pixel is transparent, wholly or in part."""


def brightness_of(picture: Image.Image) -> Brightness:
    """Scale down and drop the colours. The picture must be loaded."""
    if picture.mode.startswith("I"):
        return _of_sixteen_bits(picture)
    if picture.has_transparency_data:
        return _on_white(picture if picture.mode == "LA" else picture.convert("RGBA"))
    if picture.mode not in {"L", "RGB"}:
        picture = picture.convert("RGB")
    return Brightness(_reduced(picture).convert("L"), alpha=False)


def _of_sixteen_bits(picture: Image.Image) -> Brightness:
    """Keep the upper half of each value: Pillow would clip instead."""
    levels = np.asarray(picture)
    clear = picture.info.get("transparency")
    alpha = isinstance(clear, int) and bool((levels == clear).any())
    upper = (levels >> 8).astype(np.uint8)
    if alpha:
        upper[levels == clear] = _WHITE
    return Brightness(_reduced(Image.fromarray(upper)), alpha)


def _on_white(picture: Image.Image) -> Brightness:
    lowest, _ = picture.getchannel("A").getextrema()
    small = _reduced(picture)
    grey, opacity = small.convert("L"), small.getchannel("A")
    white = Image.new("L", small.size, _WHITE)
    return Brightness(Image.composite(grey, white, opacity), alpha=lowest < _OPAQUE)  # type: ignore[operator]


def _reduced(picture: Image.Image) -> Image.Image:
    """Average whole squares of pixels, quickly, to at most twice the size that is measured."""
    return picture.reduce(max(1, max(picture.size) // LONGEST_SIDE_PX))
