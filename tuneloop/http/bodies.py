"""Bodies that are read whole: no more of them than memory should hold, packed or not."""

from __future__ import annotations

import zlib

import requests

_PIECE_BYTES = 1 << 16
_GZIP = b"\x1f\x8b"
_SPELLINGS = ("gzip", "x-gzip")


class BodyRefused(Exception):
    """A body that is too large, or packed in a way that cannot be read."""


def read_up_to(response: requests.Response, limit_bytes: int, *, cut: bool = False) -> bytes:
    """Read a body as it was sent.

    Args:
        response: Its head has been read.
        limit_bytes: How much of it may come.
        cut: Take the beginning of a larger one.

    Raises:
        BodyRefused: It is larger than the limit.
    """
    pieces, size = [], 0
    # Reads what has arrived: a piece that is waited for in full would hide how slowly it comes.
    while size <= limit_bytes and (piece := response.raw.read1(_PIECE_BYTES, decode_content=False)):
        pieces.append(piece)
        size += len(piece)
    if size > limit_bytes and not cut:
        raise BodyRefused(_too_large(limit_bytes))
    return b"".join(pieces)[:limit_bytes]


def is_packed(data: bytes, encoding: str) -> bool:
    """Tell whether a body is said to be gzip and is: some proxies unpack it and keep the header."""
    return encoding.strip().lower() in _SPELLINGS and data.startswith(_GZIP)


def unpacked(data: bytes, encoding: str, limit_bytes: int, *, cut: bool = False) -> bytes:
    """Undo a body's Content-Encoding.

    Args:
        data: The body as it was sent.
        encoding: The header's value.
        limit_bytes: How much may come out.
        cut: Take the beginning of a larger one, or of one that was cut.

    Raises:
        BodyRefused: It is packed in another way, is broken, or is larger than the limit.
    """
    if encoding.strip().lower() not in {"", "identity", *_SPELLINGS}:
        raise BodyRefused(f"it is packed as {encoding[:40]!r} (Content-Encoding), which was not asked for")
    if not is_packed(data, encoding):
        return data
    unpacker = zlib.decompressobj(wbits=31)
    try:
        found = unpacker.decompress(data, limit_bytes + 1)
    except zlib.error:
        raise BodyRefused("it is marked as gzip (Content-Encoding) and cannot be unpacked") from None
    if cut:
        return found[:limit_bytes]
    if len(found) > limit_bytes:
        raise BodyRefused(f"unpacked from gzip (Content-Encoding) {_too_large(limit_bytes)}")
    if not unpacker.eof or unpacker.unused_data:
        raise BodyRefused("it is marked as gzip (Content-Encoding) and is not one whole gzip stream")
    return found


def _too_large(limit_bytes: int) -> str:
    return f"it is larger than {limit_bytes >> 20} MiB"
