"""A file in memory that is read by range, and remembers what was read of it."""

from __future__ import annotations

import hashlib
import json
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tuneloop.schemas.ranged_source import RangedSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE = 1 << 18


def safetensors(size_bytes: int, seed: int = 0) -> bytes:
    """A whole safetensors file of about (a little over) a size."""
    entry = {"dtype": "U8", "shape": [size_bytes], "data_offsets": [0, size_bytes]}
    header = json.dumps({"a": entry}).encode()
    content = random.Random(seed).randbytes(size_bytes)  # noqa: S311 - the same bytes each time
    return len(header).to_bytes(8, "little") + header + content


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Killed(Exception):
    """What stands for the end of the process."""


class File:
    """The file at the provider.

    Args:
        data: Its bytes.
        etag: What changes with it.
        piece: Bytes handed out at once.
    """

    def __init__(self, data: bytes, etag: str = '"one"', piece: int = PIECE) -> None:
        self.data = data
        self.etag = etag
        self.piece = piece
        self.reads: list[tuple[int, int]] = []
        """Which bytes were really handed out, one entry a read."""
        self.killed_after: int | None = None
        """How many more bytes are handed out before `Killed` is raised."""

    @property
    def source(self) -> RangedSource:
        return RangedSource(len(self.data), self.etag, self._read)

    @property
    def bytes_read(self) -> int:
        return sum(stop - start for start, stop in self.reads)

    def watched(self, on_progress: Callable[[int], None]) -> RangedSource:
        """The same source, which calls with the end of each piece that was written."""

        @contextmanager
        def read(start: int, stop: int | None) -> Iterator[Iterator[bytes]]:
            yield watch(start, stop)

        def watch(start: int, stop: int | None) -> Iterator[bytes]:
            for chunk in self._chunks(start, stop or len(self.data)):
                yield chunk
                start += len(chunk)
                on_progress(start)

        return RangedSource(len(self.data), self.etag, read)

    @contextmanager
    def _read(self, start: int, stop: int | None) -> Iterator[Iterator[bytes]]:
        yield self._chunks(start, stop or len(self.data))

    def _chunks(self, start: int, stop: int) -> Iterator[bytes]:
        self.reads.append((start, start))
        while start < stop:
            size = min(self.piece, stop - start)
            if self.killed_after is not None:
                size = min(size, self.killed_after)
                if size == 0:
                    raise Killed
                self.killed_after -= size
            self.reads[-1] = (self.reads[-1][0], start + size)
            yield self.data[start : start + size]
            start += size
