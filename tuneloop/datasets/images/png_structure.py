"""What must be in a PNG: every chunk with its checksum, and every row of pixels.

Pillow checks neither the checksums of pixel data nor that all rows are there, and misses the last chunk.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from tuneloop.datasets.images.structure import StructureBroken

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_AROUND_CHUNK = 12
"""Length, kind and checksum around the data of a chunk."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_WHOLE = ((0, 0, 1, 1),)
_INTERLACED = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row, first column, step of rows, step of columns of each pass."""
_UNPACKED_AT_A_TIME = 1 << 20


class PngFacts(NamedTuple):
    """What the chunks of a PNG tell."""

    bits: int
    """Bits per channel as stored, per index where it has a palette."""
    trailing_bytes: int


def walk_png(data: bytes) -> PngFacts:
    """Check the checksum of every chunk, up to the last one, and that the rows of pixels are complete.

    Raises:
        StructureBroken: A checksum is wrong, or the file ends too early.
    """
    view = memoryview(data)
    position, header, pixels = len(PNG_SIGNATURE), b"", []
    while True:
        if position + _AROUND_CHUNK > len(data):
            raise StructureBroken("it ends before its last chunk")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + _AROUND_CHUNK + length
        if end > len(data):
            raise StructureBroken("it ends within a chunk")
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(view[position + 4 : end - 4]) != checksum:
            raise StructureBroken(f"the checksum of the chunk at byte {position} is wrong")
        if kind == b"IHDR":
            header = data[position + 8 : end - 4]
        elif kind == b"IDAT":
            pixels.append(view[position + 8 : end - 4])
        position = end
        if kind == b"IEND":
            break
    _check_rows(header, pixels)
    return PngFacts(header[8], len(data) - position)


def chunk_of(data: bytes, kind: bytes) -> bytes | None:
    """The first chunk of a kind before the pixels of a PNG; None where there is none."""
    position = len(PNG_SIGNATURE)
    while position + _AROUND_CHUNK <= len(data):
        length, found = struct.unpack_from(">I4s", data, position)
        if found in {kind, b"IDAT"}:
            return data[position + 8 : position + 8 + length] if found == kind else None
        position += _AROUND_CHUNK + length
    return None


def _check_rows(header: bytes, pixels: list[memoryview]) -> None:
    """Unpack piece by piece, keep nothing, and count."""
    expected = _bytes_of_rows(header)
    unpacker, counted = zlib.decompressobj(), 0
    for part in pixels:
        packed: bytes | memoryview = part
        while packed and counted < expected:
            counted += len(unpacker.decompress(packed, _UNPACKED_AT_A_TIME))
            packed = unpacker.unconsumed_tail
    # What is left in the unpacker after the last part.
    while counted < expected and (rest := unpacker.decompress(b"", _UNPACKED_AT_A_TIME)):
        counted += len(rest)
    if counted < expected:
        raise StructureBroken(f"only {counted} of {expected} bytes of its pixels are there")


def _bytes_of_rows(header: bytes) -> int:
    """Size of all rows, each with the byte that names its filter."""
    width, height, bits, color, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    total = 0
    for top, left, down, across in _INTERLACED if interlaced else _WHOLE:
        rows, columns = len(range(top, height, down)), len(range(left, width, across))
        if columns:
            total += rows * (1 + (columns * bits * _CHANNELS[color] + 7) // 8)
    return total
