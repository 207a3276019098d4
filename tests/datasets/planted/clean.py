"""Five hundred clean images of varied kinds, with what may be said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

from .png_writer import png
from .scenes import saved, scene, turned, two_in_one

SIZES = ((64, 80), (200, 150), (256, 256), (320, 448), (640, 360), (300, 800))
LARGE = ((1024, 1024), (1500, 1000), (2000, 3000), (4000, 2250))
ALL = 500


class Clean(NamedTuple):
    """An image file without a fault."""

    kind: str
    data: bytes
    expected: frozenset[str]
    """Checks that have to say something, but for its size."""


def clean_images() -> Iterator[Clean]:
    """Every kind in every size, one after the other, and each kind once in a large size."""
    kinds = (*_jpegs(), *_pngs(), *_webps())
    large = [(kind, number, LARGE[number % len(LARGE)]) for number, kind in enumerate(kinds)][::3]
    small = [
        (kinds[number % len(kinds)], number, SIZES[number // len(kinds) % len(SIZES)])
        for number in range(ALL - len(large))
    ]
    for (name, write, expected), number, (width, height) in small + large:
        image = scene(number, width, height, grain=3 if width < 900 else 0)
        yield Clean(f"{name} {width}x{height}", write(image), frozenset(expected))


Kind = tuple[str, Callable[[Image.Image], bytes], tuple[str, ...]]


def _jpegs() -> Iterator[Kind]:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for quality, subsampling in ((50, 2), (75, 1), (90, 0), (95, 2), (100, 0)):

        def plain(image: Image.Image, quality: int = quality, subsampling: int = subsampling) -> bytes:
            return saved(image, "JPEG", quality=quality, subsampling=subsampling)

        yield f"JPEG q{quality} {subsampling}", plain, ()
    yield "progressive", lambda p: saved(p, "JPEG", quality=88, progressive=True), ()
    yield "optimised", lambda p: saved(p, "JPEG", quality=80, optimize=True), ()
    yield "restarts", lambda p: saved(p, "JPEG", quality=85, restart_marker_rows=1), ()
    yield "gray JPEG", lambda p: saved(p.convert("L"), "JPEG"), ()
    yield "sRGB profile", lambda p: saved(p, "JPEG", icc_profile=srgb), ()
    yield "MPO", lambda p: two_in_one(p, p.transpose(Image.Transpose.ROTATE_180)), ()
    yield "CMYK", lambda p: saved(p.convert("CMYK"), "JPEG", quality=90), ("cmyk",)
    for orientation in range(1, 9):

        def rotated(image: Image.Image, orientation: int = orientation) -> bytes:
            return saved(image, "JPEG", exif=turned(orientation))

        yield f"EXIF {orientation}", rotated, () if orientation == 1 else ("exif-rotation",)


def _pngs() -> Iterator[Kind]:
    yield "PNG", lambda p: saved(p, "PNG", compress_level=1), ()
    yield "gray PNG", lambda p: saved(p.convert("L"), "PNG", compress_level=1), ()
    yield "1 bit", lambda p: saved(p.convert("1"), "PNG"), ()
    for colors in (4, 16, 200):

        def palette(image: Image.Image, colors: int = colors) -> bytes:
            return saved(image.quantize(colors, Image.Quantize.FASTOCTREE), "PNG")

        yield f"palette {colors}", palette, ()
    yield "opaque alpha", lambda p: saved(_with_alpha(p, 255), "PNG", compress_level=1), ()
    yield "clear corner", lambda p: saved(_with_alpha(p, 0), "PNG", compress_level=1), ("transparency",)
    yield "gray and alpha", lambda p: saved(_with_alpha(p, 9).convert("LA"), "PNG"), ("transparency",)
    yield "16 bit", lambda p: png(np.asarray(p).astype(np.uint16) * 257), ("sixteen-bit",)
    yield "16 bit gray", lambda p: png(np.asarray(p).astype(np.uint16)[:, :, :1] * 257), ("sixteen-bit",)
    yield "interlaced", lambda p: png(np.asarray(p), interlaced=True), ()
    yield "PNG EXIF 6", lambda p: saved(p, "PNG", exif=turned(6), compress_level=1), ("exif-rotation",)


def _webps() -> Iterator[Kind]:
    yield "WebP", lambda p: saved(p, "WEBP", quality=80, method=0), ()
    yield "lossless WebP", lambda p: saved(p, "WEBP", lossless=True, quality=0, method=0), ()
    yield "WebP alpha", lambda p: saved(_with_alpha(p, 0), "WEBP", method=0), ("transparency",)
    yield "WebP EXIF 8", lambda p: saved(p, "WEBP", exif=turned(8), method=0), ("exif-rotation",)


def _with_alpha(image: Image.Image, corner: int) -> Image.Image:
    opacity = Image.new("L", image.size, 255)
    opacity.paste(corner, (0, 0, image.width // 4, image.height // 4))
    image = image.copy()
    image.putalpha(opacity)
    return image
