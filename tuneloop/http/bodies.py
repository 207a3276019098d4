"""Request bodies produced while they are sent, and response bodies read whole within a limit."""

from __future__ import annotations

import json
import secrets
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tuneloop.clock import Deadline
from tuneloop.errors import TuneloopError

if TYPE_CHECKING:
    import requests  # whoever only writes a body does without its memory

_READ_BYTES = 64 << 10
_GZIP = b"\x1f\x8b"
_GZIP_NAMES = ("gzip", "x-gzip")


class DeadlineExceeded(Exception):
    """The deadline passed before the last byte was sent."""


class BodyRejected(Exception):
    """A body that is too large, or encoded in a way that cannot be read."""


@dataclass(frozen=True)
class StreamingJsonBody:
    """A JSON body of known size that is produced while it is sent."""

    size_bytes: int
    chunks: Iterable[bytes]

    @classmethod
    def of(cls, document: Any) -> StreamingJsonBody:
        data = json.dumps(document).encode()
        return cls(len(data), [data])


@dataclass(frozen=True)
class MultipartFile:
    """A form of one file (RFC 7578) that is produced while it is sent."""

    part: str
    """Name of the form's one part."""
    file_name: str
    """Letters, digits, dots and hyphens."""
    content_type: str
    chunks: Iterable[bytes]
    file_bytes: int
    boundary: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def size_bytes(self) -> int:
        return len(self._head) + self.file_bytes + len(self._tail)

    @property
    def form_type(self) -> str:
        """The Content-Type of the whole."""
        return f"multipart/form-data; boundary={self.boundary}"

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self.chunks
        yield self._tail

    @property
    def _head(self) -> bytes:
        return (
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="{self.part}"; '
            f'filename="{self.file_name}"\r\nContent-Type: {self.content_type}\r\n\r\n'
        ).encode()

    @property
    def _tail(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode()


class RequestBody:
    """A body of known size that is streamed; its last byte leaves only before the deadline.

    Keeps an error of its own source, which HTTP libraries would report as a cut connection.
    """

    def __init__(
        self, chunks: Iterable[bytes | memoryview], size_bytes: int, deadline: Deadline | None = None
    ) -> None:
        self._chunks = chunks
        self._size_bytes = size_bytes
        self._deadline = deadline
        self.last_byte_released = False
        self.error: Exception | None = None

    def __len__(self) -> int:
        # Makes the library send a Content-Length, which presigned URLs need.
        return self._size_bytes

    def __iter__(self) -> Iterator[bytes | memoryview]:
        try:
            yield from self._chunks if self._deadline is None else self._held_back(self._deadline)
        except Exception as error:
            self.error = error
            raise

    def raise_own_error(self) -> None:
        """Raise what its source has raised, if that is an error of ours."""
        if isinstance(self.error, TuneloopError):
            raise self.error from None

    def _held_back(self, deadline: Deadline) -> Iterator[memoryview]:
        held = memoryview(b"")
        for chunk in self._chunks:
            if held:
                yield held
            held = memoryview(chunk)
        if held[:-1]:
            yield held[:-1]
        if deadline.passed():
            raise DeadlineExceeded
        self.last_byte_released = True
        yield held[-1:]


def read_up_to(response: requests.Response, limit_bytes: int, *, truncate: bool = False) -> bytes:
    """Read a body as it was sent, or only its beginning.

    Raises:
        BodyRejected: It is larger than the limit.
    """
    pieces, size = [], 0
    # Reads what has arrived: a piece that is waited for in full would hide how slowly it comes.
    while size <= limit_bytes and (piece := response.raw.read1(_READ_BYTES, decode_content=False)):
        pieces.append(piece)
        size += len(piece)
    if size > limit_bytes and not truncate:
        raise BodyRejected(_too_large(limit_bytes))
    return b"".join(pieces)[:limit_bytes]


def is_gzip(data: bytes, encoding: str) -> bool:
    """Return True if a body is declared as gzip and is: some proxies unpack it and keep the header."""
    return encoding.strip().lower() in _GZIP_NAMES and data.startswith(_GZIP)


def decoded(data: bytes, encoding: str, limit_bytes: int, *, truncate: bool = False) -> bytes:
    """Undo a body's Content-Encoding, for all of it or only its beginning.

    Raises:
        BodyRejected: It is encoded in another way, is broken, or is larger than the limit.
    """
    if encoding.strip().lower() not in {"", "identity", *_GZIP_NAMES}:
        raise BodyRejected(f"it is encoded as {encoding[:40]!r} (Content-Encoding), which was not requested")
    if not is_gzip(data, encoding):
        return data
    unpacker = zlib.decompressobj(wbits=31)
    try:
        found = unpacker.decompress(data, limit_bytes + 1)
    except zlib.error:
        raise BodyRejected("it is marked as gzip (Content-Encoding) and cannot be unpacked") from None
    if truncate:
        return found[:limit_bytes]
    if len(found) > limit_bytes:
        raise BodyRejected(f"unpacked from gzip (Content-Encoding) {_too_large(limit_bytes)}")
    if not unpacker.eof or unpacker.unused_data:
        raise BodyRejected("it is marked as gzip (Content-Encoding) and is not one whole gzip stream")
    return found


def _too_large(limit_bytes: int) -> str:
    return f"it is larger than {limit_bytes >> 20} MiB"
