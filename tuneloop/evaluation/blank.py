"""Finds pictures that show nothing."""

from __future__ import annotations

import io

from PIL import Image, ImageStat, UnidentifiedImageError

FLAT_BELOW = 4.0
"""Standard deviation of the luminance (0 to 255) below which a picture counts as blank."""


def blank_reason(data: bytes) -> str | None:
    """Say why a picture counts as blank, None where it shows something.

    Args:
        data: The encoded picture.
    """
    try:
        with Image.open(io.BytesIO(data)) as picture:
            spread = ImageStat.Stat(picture.convert("L")).stddev[0]
    except (UnidentifiedImageError, OSError):
        return "not a readable picture"
    return "blank: one flat tone" if spread < FLAT_BELOW else None
