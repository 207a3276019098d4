"""Images as a trainer should get them. The result is a function of the file and of what was asked for, alone.

No time, name or other trace gets into a copy, and every setting of an encoder is fixed here: one library makes the
same bytes in every process. Another version of it may not, hence `tuneloop.datasets.copies`.
"""

from __future__ import annotations

import io
from contextlib import suppress

import numpy as np
from PIL import Image, ImageCms

from tuneloop.datasets.images.color_profile import declared_profile
from tuneloop.datasets.images.orientation import apply_orientation
from tuneloop.schemas.dataset import ImageFormat, ImageInfo, ImagePreprocessing

_AS_THEY_ARE = ImagePreprocessing(convert_to_rgb=False)
"""What is done where nothing is asked for: images that lie on their side are put upright."""
_MODES: dict[ImageFormat, frozenset[str]] = {
    "jpeg": frozenset({"L", "RGB", "CMYK"}),
    "png": frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"}),
    "webp": frozenset({"RGB", "RGBA"}),
}
"""Modes that a format holds as they are."""
_SETTINGS: dict[ImageFormat, dict[str, object]] = {
    # Colors as sharp as brightness: a trainer looks closer than people do.
    "jpeg": {"subsampling": "4:4:4"},
    "png": {"compress_level": 6},
    # Pillow does not tell whether a file was lossless, and there is no setting for a quality.
    "webp": {"lossless": True, "exact": True, "method": 4},
}
_COLORS = {"1": "L", "LA": "L", "La": "L", "P": "RGB", "PA": "RGB", "RGBA": "RGB", "RGBa": "RGB"}
_SIXTEEN_TO_EIGHT = 257
_EIGHT_BITS = 8


def needs_copy(facts: ImageInfo, preprocessing: ImagePreprocessing | None) -> bool:
    """Return True if an image has to change at all, by what is known of it."""
    preprocessing = preprocessing or _AS_THEY_ARE
    plain = facts.mode == "RGB" and facts.bits <= _EIGHT_BITS and not facts.alpha and facts.profile is None
    limit_px = preprocessing.longest_side_px
    return (
        facts.orientation != 1
        or (preprocessing.convert_to_rgb and not plain)
        or (limit_px is not None and max(facts.width_px, facts.height_px) > limit_px)
        or preprocessing.reencode not in {"keep", facts.format}
    )


def normalized(data: bytes, facts: ImageInfo, preprocessing: ImagePreprocessing | None) -> bytes | None:
    """Make the copy that is sent in place of an image, with no EXIF data; None where the file is sent as it is.

    Call it within `strict_decoding()`. What JPEG holds is encoded anew, at the quality asked for (95 where nothing
    is); PNG and WebP lose nothing.

    Raises:
        OSError, ValueError: The file is not what the facts say, or its format cannot hold the copy.
    """
    if not needs_copy(facts, preprocessing):
        return None
    preprocessing = preprocessing or _AS_THEY_ARE
    made = facts.format if preprocessing.reencode == "keep" else preprocessing.reencode
    # Not in a `with`: what is kept are the pixels, and the file is gone once they are loaded.
    image: Image.Image = Image.open(io.BytesIO(data))
    image.load()
    # What is told elsewhere is gone from a copy, so that it is embedded where it can be seen.
    profile = image.info.get("icc_profile") if facts.profile is None else declared_profile(image, data)
    image = apply_orientation(image, facts.orientation)
    smaller = preprocessing.longest_side_px is not None and max(image.size) > preprocessing.longest_side_px
    # A palette cannot be scaled, and JPEG has no place for transparency.
    unfit = image.mode not in _MODES[made] or (made == "jpeg" and facts.alpha)
    if preprocessing.convert_to_rgb or unfit or (smaller and image.mode in {"1", "P"}):
        image = _plain_rgb(image, profile if facts.profile is not None else None)
        profile = None
    if preprocessing.longest_side_px is not None and smaller:
        scale = preprocessing.longest_side_px / max(image.size)
        width_px, height_px = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width_px, height_px), Image.Resampling.LANCZOS)
    return _encoded(image, made, preprocessing.jpeg_quality, profile)


def _plain_rgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Eight bits of sRGB, with white where the image is transparent."""
    opaque = None
    if image.mode.startswith("I"):
        image, opaque = _eight_bits(image)
    elif image.has_transparency_data:
        with_opacity = image.convert("RGBA")
        opaque = with_opacity.getchannel("A")
        image = with_opacity if image.mode == "P" else image
    colors = _in_srgb(image.convert(_COLORS.get(image.mode, image.mode)), profile)
    if opaque is None:
        return colors
    paper = Image.new("RGB", image.size, "white")
    paper.paste(colors, mask=opaque)
    return paper


def _eight_bits(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Brightness in 16 bits as one in 8, and where it is opaque, where one brightness stands for transparency."""
    values = np.asarray(image).astype(np.int64)
    through = image.info.get("transparency")
    opaque = None if through is None else Image.fromarray(np.where(values == through, 0, 255).astype(np.uint8))
    rounded = (values + _SIXTEEN_TO_EIGHT // 2) // _SIXTEEN_TO_EIGHT
    return Image.fromarray(rounded.clip(0, 255).astype(np.uint8)), opaque


def _in_srgb(colors: Image.Image, profile: bytes | None) -> Image.Image:
    """Apply a color profile. One that is broken, or made for other images, is passed over as viewers do."""
    if profile is not None:
        with suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
            own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(colors, own, srgb, outputMode="RGB") or colors
    return colors.convert("RGB")


def _encoded(image: Image.Image, made: ImageFormat, jpeg_quality: int, profile: bytes | None) -> bytes:
    # Comments, resolutions and whatever else was read would be written again.
    image.info = {name: value for name, value in image.info.items() if name == "transparency"}
    settings = {**_SETTINGS[made], **({"quality": jpeg_quality} if made == "jpeg" else {})}
    if profile is not None:
        settings["icc_profile"] = profile
    buffer = io.BytesIO()
    image.save(buffer, made, **settings)
    return buffer.getvalue()
