"""Small images that travel inside a report."""

from __future__ import annotations

import base64
import io

from PIL import Image

from tuneloop.datasets.images.orientation import apply_orientation, orientation_of

_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for files that are broken, no images, or too large to be one."""


def thumbnail_address(data: bytes, side_px: int) -> str | None:
    """Shrink an image and spell it as a `data:` address; None where it cannot be read.

    Args:
        data: The encoded image.
        side_px: Longest side of the thumbnail. 200 px come to about 8 KB.
    """
    small = shrunk(data, side_px)
    if small is None:
        return None
    out = io.BytesIO()
    small.save(out, "JPEG", quality=72)
    return data_address("jpeg", out.getvalue())


def shrunk(data: bytes, side_px: int) -> Image.Image | None:
    """Read an image upright and no larger than needed; None where it cannot be read.

    Args:
        data: The encoded image.
        side_px: Its longest side at most.
    """
    try:
        with Image.open(io.BytesIO(data)) as source:
            source.draft("RGB", (side_px * 2, side_px * 2))
            small = apply_orientation(source, orientation_of(source)).convert("RGB")
    except _UNREADABLE:
        return None
    small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return small


def data_address(kind: str, data: bytes) -> str:
    """Spell an encoded image as an address that holds it."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
