"""Uploads in parts that a later process can resume, and the digest of what passes."""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from tuneloop.errors import InvalidWeights, StoreUnavailable

PART_SIZE = 64 << 20
"""Bytes per part of a large upload; S3 takes 5 MiB or more, and 10,000 parts."""
MAX_PARTS = 10_000
"""S3's own limit."""
# Before each attempt to write a part; what a part had so far is read again.
_PAUSES_S = (0.0, 0.5, 2.0, 8.0)

Chunk = bytes | memoryview


class UploadGone(StoreUnavailable):
    """The upload is not there any more: completed by another process, aborted, or swept away."""


class Digest:
    """Sha256 and size of the bytes seen so far."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """64 hex digits."""
        return self._hash.hexdigest()

    def update(self, chunk: Chunk) -> None:
        self._hash.update(chunk)
        self.size_bytes += len(chunk)

    def copy(self) -> Digest:
        other = Digest()
        other._hash, other.size_bytes = self._hash.copy(), self.size_bytes
        return other

    def watch(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Pass a stream on and update from it."""
        for chunk in chunks:
            self.update(chunk)
            yield chunk


class Part(NamedTuple):
    """One part of a file."""

    number: int
    """From 1."""
    start: int
    stop: int
    """The byte after its last one."""

    @property
    def size(self) -> int:
        return self.stop - self.start


def part_size_for(size_bytes: int, part_size: int) -> int:
    """Bytes per part, more than requested where a file would have too many parts."""
    return max(part_size, -(-size_bytes // MAX_PARTS))


def parts_of(size_bytes: int, part_size: int) -> list[Part]:
    """Cut a file that is not empty into parts."""
    starts = range(0, size_bytes, part_size)
    return [Part(number, start, min(start + part_size, size_bytes)) for number, start in enumerate(starts, 1)]


class Upload(AbstractContextManager["Upload"], ABC):
    """Parts of one file on their way into a store, in a `with` block that ends without losing them.

    Nothing shows under the name before `complete`. Two processes may work on one upload.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self.digest = Digest()
        """Of the file's beginning, as far as this process has seen it without a hole."""

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, part: Part, open_part: Callable[[], AbstractContextManager[Iterable[Chunk]]]) -> None:
        """Write one part, again from its start where the store does not respond."""
        last: StoreUnavailable | None = None
        for pause_s in _PAUSES_S:
            time.sleep(pause_s)
            try:
                with open_part() as chunks:
                    self.put(part, chunks)
            except StoreUnavailable as error:
                last = error
            else:
                return
            # Raises `UploadGone`, where some servers answer 500; a lost response may hide a part that is there.
            if self.done().get(part.number) == part.size:
                return
        raise last or StoreUnavailable(f"part {part.number} was never sent")

    def put(self, part: Part, chunks: Iterable[Chunk]) -> None:
        """Write one part, as it comes in. Raises `InvalidWeights` where it is not as long as it should be."""
        follows = self.digest.size_bytes == part.start
        seen = self.digest.copy() if follows else Digest()
        self._write(part, seen.watch(_exactly(part, chunks)))
        if follows:
            self.digest = seen

    @abstractmethod
    def done(self) -> dict[int, int]:
        """Number and size of every part that is there. Raises `UploadGone`."""

    @abstractmethod
    def complete(self) -> bool:
        """Let the file appear if every part is there. Returns False if the name is taken."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it; the parts stay for the process that resumes."""

    @abstractmethod
    def _write(self, part: Part, chunks: Iterable[Chunk]) -> None:
        """Write a part over whatever there is of it."""


def _exactly(part: Part, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Pass a part on, its last piece only once it is known to be the last: so nothing else looks whole."""
    left = part.size
    held: Chunk = b""
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            break
        if held:
            yield held
        held = chunk
    if left:
        raise InvalidWeights(
            f"bytes {part.start:,} to {part.stop:,} did not arrive complete: {part.size - left:,} of "
            f"{part.size:,} came. None of them was kept; run again, the weights are still there."
        )
    yield held
