"""A file of the store, as it is handed to a provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from tuneloop.errors import ObjectNotFound
from tuneloop.storage.base import Store

_LIFETIME = timedelta(days=1)
"""How long a provider may take to fetch it: a job may stand in its queue for hours."""
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class StoredFile:
    """A file by its name within a store."""

    store: Store
    name: str

    @property
    def size_bytes(self) -> int:
        """Its size. Raises `ObjectNotFound` where nothing has this name."""
        size_bytes = self.store.size(self.name)
        if size_bytes is None:
            raise ObjectNotFound(f"{self.store.uri_of(self.name)} is gone; restore it from a backup")
        return size_bytes

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, from the start. Raises `ObjectNotFound`."""
        with self.store.open(self.name) as stream:
            while chunk := stream.read(_READ_BYTES):
                yield chunk

    def url(self) -> str | None:
        """A signed address, good for a day; None where the store is a folder."""
        return self.store.presigned_url(self.name, _LIFETIME)
