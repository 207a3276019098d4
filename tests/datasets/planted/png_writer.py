"""PNGs that Pillow does not write: 16 bits in color, interlaced, with any chunk anywhere."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""Adam7: first row, first column, step of rows, step of columns."""
_KINDS = {1: 0, 2: 4, 3: 2, 4: 6}


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def chunks_of(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(SIGNATURE)
    while position < len(png):
        length, kind = struct.unpack_from(">I4s", png, position)
        yield kind, png[position + 8 : position + 8 + length]
        position += 12 + length


def png_from(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    return SIGNATURE + b"".join(chunk(kind, data) for kind, data in chunks)


def png(levels: np.ndarray, *, interlaced: bool = False) -> bytes:
    """Write rows, columns and channels of uint8 or uint16."""
    height, width, channels = levels.shape
    bits = levels.dtype.itemsize * 8
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    rows = [
        b"\0" + row.astype(f">u{bits // 8}").tobytes()
        for top, left, down, across in passes
        for row in levels[top::down, left::across]
        if row.size
    ]
    header = struct.pack(">IIBBBBB", width, height, bits, _KINDS[channels], 0, 0, interlaced)
    return png_from([(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 1)), (b"IEND", b"")])
