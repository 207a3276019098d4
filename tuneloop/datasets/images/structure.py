"""How JPEG, PNG and WebP files are built up: markers, chunks, checksums and rows of pixels.

Pillow checks neither the checksums of a PNG's pixel data nor that all rows are there, and misses the last chunk.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

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
_JPEG_NO_PIXELS = _JPEG_STANDALONE - {0xD8} | {0xE2}
"""What may be missing before the first scan: restarts that restart nothing, and color profiles."""
_JPEG_ARITHMETIC = frozenset({0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
"""With codes of another kind, which Pillow reads, and browsers and many programs do not."""
_JPEG_PROGRESSIVE = 0xC2
_JPEG_BITS = 8
_MAX_SCANS = 100
"""Programs write about ten. Each one is a pass over all pixels, and may be had for a hundred bytes."""
_TEXT = frozenset(b"\t\n\r" + bytes(range(0x20, 0x7F)))
_SHORTEST_TEXT = 8
"""So many bytes of pixels are letters and nothing else once in two thousand times."""
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_AROUND_CHUNK = 12
"""Length, kind and checksum around the data of a chunk."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_WHOLE = ((0, 0, 1, 1),)
_INTERLACED = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row, first column, step of rows, step of columns of each pass."""
_UNPACKED_AT_A_TIME = 1 << 20


class StructureBroken(Exception):
    """A file's chunks or markers do not fit together; says how."""


class JpegUncommon(Exception):
    """A whole JPEG of a kind that many libraries cannot read; says which, with its article."""


def is_webp(data: bytes) -> bool:
    """Tell by the first bytes."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def is_jpeg(data: bytes) -> bool:
    """Tell by the first bytes."""
    return data.startswith(b"\xff\xd8\xff")


def walk_webp(data: bytes) -> int:
    """Check that all chunks of a WebP are there. It has no checksums. Returns the number of bytes behind its end.

    Raises `StructureBroken` where a length reaches beyond the file or out of the chunk around it.
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
        StructureBroken: It has no frame, or so many scans that nobody would see the end of them.
    """
    for marker, start, _ in _markers(data):
        if marker in _JPEG_FRAMES:
            if marker not in _JPEG_READ_EVERYWHERE:
                raise JpegUncommon("an arithmetic" if marker in _JPEG_ARITHMETIC else "a lossless or hierarchical")
            if data[start + 4 : start + 5] != bytes([_JPEG_BITS]):
                raise JpegUncommon("a 12-bit")
            # Most files need no closer look; thumbnails, and films behind the image, hold such bytes too.
            if marker == _JPEG_PROGRESSIVE and data.count(bytes([0xFF, _JPEG_SCAN])) > _MAX_SCANS:
                _check_scans(data)
            return
        if marker in {_JPEG_SCAN, _JPEG_END}:
            break
    raise StructureBroken("it has no frame")


def _check_scans(data: bytes) -> None:
    scans = 0
    for marker, *_ in _markers(data):
        scans += marker == _JPEG_SCAN
        if scans > _MAX_SCANS:
            raise StructureBroken(f"it has more than {_MAX_SCANS} scans")
        if marker == _JPEG_END:
            return


def jpeg_end(data: bytes) -> int:
    """Position behind the end marker of the first image in a JPEG file. Raises `StructureBroken` without one."""
    for marker, start, _ in _markers(data):
        if marker == _JPEG_END:
            return start + 2
    raise StructureBroken("it has no end marker")


def without_junk(data: bytes, left_over: int = 0) -> bytes:
    """Take out of a JPEG what belongs to nothing, so that a decoder has no reason to warn of it.

    That is what stands between the segments before the first scan, and filler or a text before the end marker.
    Decoders skip both. What is left over at the end and is neither may be pixels: it stays. Color profiles leave
    too, for a broken one is warned of. `left_over` is how many bytes before the end marker a decoder did not need.
    """
    kept = [data[:2]]
    for marker, start, behind in _markers(data):
        if marker == _JPEG_END:
            break
        if marker == _JPEG_SCAN:
            end = jpeg_end(data) - 2
            last = end - left_over if _is_filler(data[start:end], left_over) else end
            return b"".join([*kept, data[start:last], data[end:]])
        if marker not in _JPEG_NO_PIXELS:
            kept.append(data[start:behind])
    return data


def _is_filler(scans: bytes, left_over: int) -> bool:
    last = scans[len(scans) - left_over :]
    is_text = len(last) >= _SHORTEST_TEXT and all(letter in _TEXT for letter in last)
    return bool(last) and (is_text or len(set(last)) == 1)


def _markers(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Each marker, where it starts, and where its segment ends (its own end, where it has no length)."""
    position = 2
    while (found := _JPEG_MARKER.search(data, position)) is not None:
        marker, position = found[1][0], found.end()
        if marker not in _JPEG_STANDALONE:
            position += int.from_bytes(data[position : position + 2], "big")
        yield marker, found.start(), position


def walk_png(data: bytes) -> tuple[int, int]:
    """Check the checksum of every chunk, up to the last one, and that the rows of pixels are complete.

    Returns the bits per channel (per index of a palette) and the number of bytes behind the end. Raises
    `StructureBroken` where a checksum is wrong, or the file ends too early.
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
    return header[8], len(data) - position


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
