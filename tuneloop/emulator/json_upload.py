"""A JSON body with one very long text in it, read without holding that text in memory."""

import binascii
import json
import mmap
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

_CHUNK = 1 << 20
"""Bytes; a multiple of 4, which is what base64 comes in."""
_STAND_IN = "\N{REPLACEMENT CHARACTER} the long text \N{REPLACEMENT CHARACTER}"
_ESCAPE = re.compile(rb"\\(?:u00([0-7][0-9a-fA-F])|(.))", re.DOTALL)
_CUT_ESCAPE = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?\Z")


class NotBase64(ValueError):
    """The long text holds something else."""


class JsonUpload:
    """A body whose field `name`, if it is a text, stays in the file. Raises `ValueError` for what is no JSON."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        file.seek(0, 2)
        self._bytes: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if file.tell() else b""
        # A quote inside a JSON text has a backslash before it, so this finds keys only. Possessive: a long text
        # with many escapes leaves nothing to come back to.
        text = rb'(?<!\\)"%b"\s*:\s*"([^"\\]*+(?:\\.[^"\\]*+)*+)' % re.escape(name.encode())
        match = re.search(text, self._bytes, re.DOTALL)
        self._begin, self._end = match.span(1) if match else (0, 0)
        shortened = json.dumps(_STAND_IN).encode()[1:-1] if match else b""
        self.fields: Any = json.loads(self._bytes[: self._begin] + shortened + self._bytes[self._end :])
        """The parsed body, with a stand-in for the long text."""

    def decode(self, keep: Callable[[bytes], object]) -> None:
        """Give the long text, decoded from base64, piece by piece.

        Raises:
            NotBase64: if it is something else; some pieces may have been given by then.
        """
        left = cut = b""
        for piece in self._pieces():
            plain, cut = _unescaped(cut + piece)
            text = left + plain
            whole = len(text) - len(text) % 4
            left = text[whole:]
            try:
                keep(binascii.a2b_base64(text[:whole], strict_mode=True))
            except binascii.Error:
                raise NotBase64 from None
        if left or cut:
            raise NotBase64

    def echoed(self, document: Any) -> tuple[int, Iterator[bytes]]:
        """Write a JSON document with the long text in place of each stand-in; return its size and its pieces."""
        # Half a surrogate pair has no UTF-8, but an escape.
        parts = [part.encode(errors="backslashreplace") for part in compact_json(document).split(_STAND_IN)]
        size = sum(map(len, parts)) + (len(parts) - 1) * (self._end - self._begin)
        return size, self._joined(parts)

    def _joined(self, parts: list[bytes]) -> Iterator[bytes]:
        yield parts[0]
        for part in parts[1:]:
            yield from self._pieces()
            yield part

    def _pieces(self) -> Iterator[bytes]:
        for begin in range(self._begin, self._end, _CHUNK):
            yield self._bytes[begin : min(begin + _CHUNK, self._end)]


def compact_json(document: Any) -> str:
    """Write JSON as FastAPI does: compact, and what is no JSON (an exception) as an empty object."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=lambda _: {})


def _unescaped(text: bytes) -> tuple[bytes, bytes]:
    """Return a piece of a JSON text as it is meant, and the beginning of an escape at its end."""
    cut = _CUT_ESCAPE.search(text)
    end = cut.start() if cut else len(text)
    return _ESCAPE.sub(_meaning, text[:end]), text[end:]


def _meaning(escape: re.Match[bytes]) -> bytes:
    """Writers break lines, which base64 allows, and some escape the slash or the plus; nothing else is in it."""
    code, sign = escape.groups()
    if code is not None:
        return bytes([int(code, 16)])
    return b"" if sign in b"nr" else sign
