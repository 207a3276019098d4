"""Images opened and turned as their EXIF data say, whatever else stands in those.

Pillow's own `exif_transpose` writes all of them again, and fails where one field is of an odd kind. Cameras and
editors write such fields, and viewers show the images all the same.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

_ORIENTATION = 0x0112
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By EXIF orientation. Source: the tag's values in the EXIF standard, 2.32."""


def orientation_of(image: Image.Image) -> int:
    """What EXIF says, 1 to 8; 1 where it says nothing readable: so viewers show it.

    Only the EXIF block counts: an APP1 segment, an eXIf chunk, a WebP's EXIF chunk. Where it is silent, Pillow's
    `getexif` goes by XMP, which no viewer does: programs that turn pixels leave it as it was (lovell/sharp#4585).
    """
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        orientation = exif.get(_ORIENTATION, 1)
        return int(orientation) if orientation in _TO_UPRIGHT else 1
    except Exception:  # noqa: BLE001  Broken EXIF data make the library raise anything.
        return 1


def apply_orientation(image: Image.Image, orientation: int) -> Image.Image:
    """The image as it is shown; itself where that is as it is stored."""
    return image if orientation == 1 else image.transpose(_TO_UPRIGHT[orientation])


def open_upright(data: bytes, draft_px: int) -> Image.Image:
    """Decode an image file as RGB, turned as its EXIF data say. Raises `OSError` where it is none.

    A JPEG may come smaller than it is, but no side below `draft_px` that was not so before.
    """
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("RGB", (draft_px, draft_px))
        image = apply_orientation(opened, orientation_of(opened))
        if image.mode.startswith("I"):  # Pillow would call everything from 255 of 65,535 on white
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        return image.convert("RGB")
