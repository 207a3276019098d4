"""Images for the tests: three that never change, and as many more as wanted."""

from __future__ import annotations

import base64
import io
import random
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageDraw

# Bytes as they are, not encoded anew: digests pinned for ever must not hang on an encoder's version.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1R"
    "V19iZ2hnPk1xeXBkeFxlZ2P/wAALCAADAAQBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABP/EABkQAQACAwAAAAAAAAAAAAAA"
    "AAECEQAhMf/aAAgBAQAAPwBkQiUX1dt5/9k="
)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAADCAIAAAA7ljmRAAAAHElEQVR4nGP80KTBAANMDAwMKstEEJw7UW8gHABf7ASg0p+B"
    "+gAAAABJRU5ErkJggg=="
)
WEBP = base64.b64decode("UklGRiQAAABXRUJQVlA4TBcAAAAvA4AAAA9wFK1TcJ+Hff4DD294iOh/FAA=")


def png_of(number: int) -> bytes:
    """A small image of its own for every number below 16 million."""
    image = Image.new("RGB", (5, 4), (number >> 16, number >> 8 & 255, number & 255))
    return encoded(image, "PNG")


def noise(width_px: int, height_px: int) -> Image.Image:
    """An image that compresses badly, the same one every time."""
    values = bytes(zlib.crc32(bytes([n & 255, n >> 8 & 255, n >> 16])) & 255 for n in range(width_px * height_px))
    return Image.frombytes("L", (width_px, height_px), values)


def encoded(image: Image.Image, image_format: str, **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **settings)
    return buffer.getvalue()


def png_claiming(width_px: int, height_px: int) -> bytes:
    """A PNG of a few bytes that claims a size."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 0, 0, 0, 0)
    body = part(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + body + part(b"IEND", b"")


def distinct(number: int, width_px: int = 320, height_px: int = 300, image_format: str = "PNG") -> bytes:
    """A large enough image that looks like no other: coarse blocks of random colors."""
    blocks = random.Random(number).randbytes(9 * 8 * 3)  # noqa: S311 - repeatable is the point
    image = Image.frombytes("RGB", (9, 8), blocks).resize((width_px, height_px), Image.Resampling.NEAREST)
    return encoded(image, image_format)


def black_and_white(width_px: int = 320, height_px: int = 300, image_format: str = "PNG") -> bytes:
    """A mask as tools write it: one shape, white on black."""
    image = Image.new("L", (width_px, height_px))
    ImageDraw.Draw(image).ellipse((width_px // 5, height_px // 6, width_px // 2, height_px - 20), fill=255)
    return encoded(image, image_format)


def fill_cleanly(folder: Path, number: int = 12) -> None:
    """Put images and captions with which nothing is wrong into a folder."""
    for index in range(number):
        (folder / f"{index:02d}.png").write_bytes(distinct(index))
        (folder / f"{index:02d}.txt").write_text(f"ROBOX in scene {index}\n")


def fill_cleanly_with_pairs(folder: Path, number: int = 3) -> None:
    """Put edit pairs with which nothing is wrong into a folder."""
    for index in range(number):
        (folder / f"{index:02d}_start.png").write_bytes(distinct(index))
        (folder / f"{index:02d}_end.png").write_bytes(distinct(index + 1000))
        (folder / f"{index:02d}.txt").write_text(f"put hat {index} on it\n")
