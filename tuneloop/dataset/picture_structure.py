"""How picture files are built up: their chunks and markers, read without decoding a pixel.

Decoders forgive here. Pillow passes a JPEG without its last byte, a PNG without its last chunk, and never looks
at the checksums of a PNG's pixel data.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import NamedTuple

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_AROUND_CHUNK = 12
"""Length, kind and checksum around the data of a PNG chunk."""
_WEBP_HEADER = 12
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xff])")
_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length: TEM, the restarts and the beginning."""
_JPEG_END = 0xD9
_JPEG_SCAN = 0xDA
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a frame; the three in between define tables."""
_JPEG_READ_EVERYWHERE = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive, all with Huffman codes. Lossless and arithmetic ones are rare."""
_JPEG_BITS = 8


class StructureBroken(Exception):
    """A file's chunks or markers do not fit together; says how."""


class JpegUncommon(Exception):
    """A whole JPEG of a kind that the usual libraries cannot read; says which."""


class PngFacts(NamedTuple):
    """What the chunks of a PNG tell."""

    bits: int
    """Bits per channel as stored."""
    trailing_bytes: int
    """Bytes behind its end."""


def is_png(data: bytes) -> bool:
    """Tell by the first bytes."""
    return data.startswith(_PNG_SIGNATURE)


def is_webp(data: bytes) -> bool:
    """Tell by the first bytes."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def is_jpeg(data: bytes) -> bool:
    """Tell by the first bytes."""
    return data.startswith(b"\xff\xd8\xff")


def walk_png(data: bytes) -> PngFacts:
    """Check the checksum of every chunk, up to the last one.

    Raises:
        StructureBroken: A checksum is wrong, or the file ends too early.
    """
    view = memoryview(data)
    position, bits = len(_PNG_SIGNATURE), 0
    while True:
        if position + _PNG_AROUND_CHUNK > len(data):
            raise StructureBroken("it ends before its last chunk")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + _PNG_AROUND_CHUNK + length
        if end > len(data):
            raise StructureBroken("it ends within a chunk")
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(view[position + 4 : end - 4]) != checksum:
            raise StructureBroken(f"the checksum of the chunk at byte {position} is wrong")
        if kind == b"IHDR" and length:
            bits = data[position + 16] if length > 8 else 0  # noqa: PLR2004
        position = end
        if kind == b"IEND":
            return PngFacts(bits, len(data) - position)


def walk_webp(data: bytes) -> int:
    """Check that all chunks of a WebP are there. It has no checksums. Returns the number of bytes behind its end.

    Raises:
        StructureBroken: A length reaches beyond the file or out of the chunk around it.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise StructureBroken(f"{end - len(data)} bytes are missing at its end")
    position = _WEBP_HEADER
    while position < end:
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        # Odd chunks are followed by one byte of padding.
        position += 8 + length + (length & 1)
    if position != end:
        raise StructureBroken("a chunk reaches beyond its end")
    return len(data) - end


def check_jpeg_kind(data: bytes) -> None:
    """Look for the frame's marker, and accept what the usual libraries read.

    Raises:
        JpegUncommon: They cannot read it.
        StructureBroken: It has no frame.
    """
    position = 2
    while (found := _JPEG_MARKER.search(data, position)) is not None:
        marker = found[1][0]
        if marker in _JPEG_FRAMES:
            if marker not in _JPEG_READ_EVERYWHERE:
                raise JpegUncommon("lossless, hierarchical or arithmetic")
            if data[found.end() + 2 : found.end() + 3] != bytes([_JPEG_BITS]):
                raise JpegUncommon("12-bit")
            return
        if marker in {_JPEG_SCAN, _JPEG_END}:
            break
        position = _after(data, found)
    raise StructureBroken("it has no frame")


def jpeg_end(data: bytes) -> int:
    """Position behind the end marker of the first picture in a JPEG file.

    Raises:
        StructureBroken: It has none.
    """
    position = 2
    while (found := _JPEG_MARKER.search(data, position)) is not None:
        if found[1][0] == _JPEG_END:
            return found.end()
        position = _after(data, found)
    raise StructureBroken("it has no end marker")


def _after(data: bytes, found: re.Match[bytes]) -> int:
    """Where the search for the next marker goes on: behind a segment, or behind a marker without a length."""
    if found[1][0] in _JPEG_STANDALONE:
        return found.end()
    return found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
