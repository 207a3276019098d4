"""What is known of a picture, found in the plainest way."""

from __future__ import annotations

import hashlib
import io

from PIL import Image

from tuneloop.schemas.dataset import PictureFormat
from tuneloop.schemas.picture_facts import ImageInfo

_FORMATS: dict[str | None, PictureFormat] = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp"}


def facts_of(data: bytes) -> ImageInfo:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return ImageInfo(
            sha256=hashlib.sha256(data).hexdigest(),
            size_bytes=len(data),
            width_px=picture.width,
            height_px=picture.height,
            format=_FORMATS[picture.format],
            orientation=picture.getexif().get(0x0112, 1),
            mode=picture.mode,
            alpha=picture.has_transparency_data,
            bits=16 if picture.mode.startswith("I") else 8,
            profile="a profile" if "icc_profile" in picture.info else None,
            perceptual_hash=0,
            sharpness=0,
            mean=0,
            spread=0,
        )
