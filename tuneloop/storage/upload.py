"""An upload in parts, which a later process can go on with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple, Self

from tuneloop.errors import InvalidWeights, StoreUnavailable
from tuneloop.storage.fingerprint import Fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

PART_SIZE = 64 << 20
"""Bytes per part of a large upload; S3 takes 5 MiB or more, and 10,000 parts."""
MOST_PARTS = 10_000
"""S3's own limit."""


class UploadGone(StoreUnavailable):
    """The upload is not there any more: completed by somebody else, aborted, or swept away."""


class Part(NamedTuple):
    """One part of a file."""

    number: int
    """From 1."""
    start: int
    """Its first byte within the file."""
    stop: int
    """The byte after its last one."""

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.stop - self.start


def fitting_part_size(size_bytes: int, part_size: int) -> int:
    """Bytes per part, more than wished for where a file would have too many parts."""
    return max(part_size, -(-size_bytes // MOST_PARTS))


def parts_of(size_bytes: int, part_size: int) -> list[Part]:
    """Cut a file that is not empty into parts."""
    starts = range(0, size_bytes, part_size)
    return [
        Part(number, start, min(start + part_size, size_bytes)) for number, start in enumerate(starts, start=1)
    ]


class Upload(ABC):
    """Parts of one file on their way into a store, in a `with` block that ends without losing them.

    Nothing shows under the name before `complete`. Two processes may work on one upload.
    """

    def __init__(self) -> None:
        self.fingerprint = Fingerprint()
        """Of the file's beginning, as far as this process has seen it without a hole."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def put(self, part: Part, chunks: Iterable[bytes]) -> None:
        """Write one part, as it comes in. Raises `InvalidWeights` where it is not as long as it should be."""
        follows = self.fingerprint.size_bytes == part.start
        seen = self.fingerprint.copy() if follows else Fingerprint()
        self._write(part, seen.watch(_exactly(part, chunks)))
        if follows:
            self.fingerprint = seen

    @abstractmethod
    def done(self) -> dict[int, int]:
        """Number and size of every part that is there. Raises `UploadGone`."""

    @abstractmethod
    def complete(self) -> bool:
        """Let the file appear, if every part is there and nothing has its name.

        Returns:
            False if the name is taken.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of it; the parts stay for whoever goes on."""

    @abstractmethod
    def _write(self, part: Part, chunks: Iterable[bytes]) -> None:
        """Write a part over whatever there is of it."""


def _exactly(part: Part, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Hand on a part, its last piece only once it is known to be the last: so nothing else looks whole."""
    left = part.size
    held = b""
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            break
        if held:
            yield held
        held = chunk
    if left:
        raise InvalidWeights(
            f"bytes {part.start:,} to {part.stop:,} did not arrive as such: {part.size - left:,} of "
            f"{part.size:,} came. Nothing of them was kept; run again, the weights are still there."
        )
    yield held
