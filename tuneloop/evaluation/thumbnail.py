"""Small pictures that travel inside a report."""

from __future__ import annotations

import base64
import io

from PIL import Image, ImageOps, UnidentifiedImageError


def thumbnail_address(data: bytes, side_px: int) -> str | None:
    """Shrink a picture and spell it as a `data:` address; None where it cannot be read.

    Args:
        data: The encoded picture.
        side_px: Longest side of the thumbnail. 200 px come to about 8 KB.
    """
    try:
        with Image.open(io.BytesIO(data)) as source:
            source.draft("RGB", (side_px * 2, side_px * 2))
            small = ImageOps.exif_transpose(source).convert("RGB")
    except (UnidentifiedImageError, OSError):
        return None
    small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=72)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
