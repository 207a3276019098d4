"""Bodies of requests, produced while they are sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tuneloop.clock import Deadline
from tuneloop.errors import TuneloopError


@dataclass(frozen=True)
class StreamingJsonBody:
    """A JSON body of known size that is produced while it is sent.

    Attributes:
        size_bytes: Its size.
        chunks: Its bytes.
    """

    size_bytes: int
    chunks: Iterable[bytes]

    @classmethod
    def of(cls, document: Any) -> StreamingJsonBody:
        """The body of a small document."""
        data = json.dumps(document).encode()
        return cls(len(data), [data])


class DeadlineBody:
    """A request body whose last byte leaves only before a deadline.

    Args:
        body: The whole body.
        deadline: Checked just before the last byte.
    """

    def __init__(self, body: StreamingJsonBody, deadline: Deadline) -> None:
        self._body = body
        self._deadline = deadline
        self.last_byte_released = False
        self.error: TuneloopError | None = None

    def __len__(self) -> int:
        return self._body.size_bytes

    def __iter__(self) -> Iterator[bytes]:
        held = b""
        try:
            for chunk in self._body.chunks:
                if held:
                    yield held
                held = chunk
        except TuneloopError as error:
            self.error = error
            raise
        if held[:-1]:
            yield held[:-1]
        if self._deadline.passed():
            raise DeadlineExceeded
        self.last_byte_released = True
        yield held[-1:]


class StreamedBody:
    """Remembers an error of the body's own source, which the library would report as a cut connection."""

    def __init__(self, chunks: Iterable[bytes], size_bytes: int) -> None:
        self._chunks = chunks
        self._size_bytes = size_bytes
        self.error: TuneloopError | None = None

    def __len__(self) -> int:
        # Its length makes the library send a Content-Length, which presigned addresses need.
        return self._size_bytes

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        except TuneloopError as error:
            self.error = error
            raise


class DeadlineExceeded(Exception):
    """The deadline passed before the last byte."""
