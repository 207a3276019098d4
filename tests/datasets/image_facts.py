"""What is known of an image, found in the plainest way."""

from __future__ import annotations

import hashlib
import io

from PIL import Image

from tuneloop.schemas.dataset import ImageFormat, ImageInfo

_FORMATS: dict[str | None, ImageFormat] = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp"}


def facts_of(data: bytes) -> ImageInfo:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return ImageInfo(
            sha256=hashlib.sha256(data).hexdigest(),
            size_bytes=len(data),
            width_px=image.width,
            height_px=image.height,
            format=_FORMATS[image.format],
            orientation=image.getexif().get(0x0112, 1),
            mode=image.mode,
            alpha=image.has_transparency_data,
            bits=16 if image.mode.startswith("I") else 8,
            profile="a profile" if "icc_profile" in image.info else None,
            perceptual_hash=0,
            sharpness=0,
            mean=0,
            spread=0,
        )
