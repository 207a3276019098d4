"""Sha256 and size of a stream, taken while it passes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Fingerprint:
    """Sha256 and size of the bytes seen so far."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """64 hex digits."""
        return self._digest.hexdigest()

    def update(self, chunk: bytes) -> None:
        """See more bytes."""
        self._digest.update(chunk)
        self.size_bytes += len(chunk)

    def copy(self) -> Fingerprint:
        """One that goes on from here, apart from this one."""
        other = Fingerprint()
        other._digest, other.size_bytes = self._digest.copy(), self.size_bytes
        return other

    def watch(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Hand on a stream, seeing it."""
        for chunk in chunks:
            self.update(chunk)
            yield chunk
