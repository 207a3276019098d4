"""Finds images that show nothing."""

from __future__ import annotations

import io

from PIL import Image, ImageStat, UnidentifiedImageError

FLAT_BELOW = 4.0
"""Standard deviation of the luminance (0 to 255) below which an image counts as blank."""


def blank_reason(data: bytes) -> str | None:
    """Say why an image counts as blank, None where it shows something.

    Args:
        data: The encoded image.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            spread = ImageStat.Stat(image.convert("L")).stddev[0]
    except (UnidentifiedImageError, OSError):
        return "not a readable image"
    return "blank: one flat tone" if spread < FLAT_BELOW else None
