"""A file at a provider, as whoever stores it reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass


@dataclass(frozen=True)
class RangedSource:
    """A file that is read from any byte on, or only whole where its server has no ranges."""

    size_bytes: int | None
    """Size, None where the server does not say."""
    etag: str | None
    """What changes when the file does; None where it cannot be read by range, or not safely."""
    read: Callable[[int, int | None], AbstractContextManager[Iterator[bytes]]]
    """Opens the bytes from a first one up to (not including) a last one, None for the end of the file. Cut
    connections and expired URLs are met by resuming at the same byte. Without an ETag, only the whole file can be
    read, and a cut is an error. Raises where the file is not that of `etag` any more."""
