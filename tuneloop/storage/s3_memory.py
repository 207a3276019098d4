"""A store on S3 that remembers what it has read and written: nothing in a store ever changes under its name."""

from __future__ import annotations

import io
from collections import OrderedDict
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO

from tuneloop.storage.s3 import S3Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

_REMEMBERED = (
    "accounts/", "budget/", "datasets/", "drivers/", "models/", "images/", "renders/",
    "retrain-reasons/", "runs/", "trainings/",
)  # fmt: skip
"""Written once and read again. Not `store.json`, by which a run shows that the store is still the same one, nor
what is deleted (`inflight/`), nor weights, which are read to prove what they are."""
_LARGEST_BYTES = 4 << 20
_ALL_BYTES = 24 << 20


class RememberingS3Store(S3Store):
    """A store below a prefix of an S3 bucket, for the length of one run.

    What exists is asked each time, by lists and sizes; only the content of what is never written twice is taken
    from memory. That something is absent is never remembered.
    """

    def __init__(self, client: S3Client, bucket: str, prefix: str = "", **options: Any) -> None:
        super().__init__(client, bucket, prefix, **options)
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def create(self, name: str, data: bytes) -> bool:
        """Create a name once. See `Store.create`."""
        won = super().create(name, data)
        if won:
            self._remember(name, data)
        return won

    def read(self, name: str) -> bytes:
        """Read a whole object. See `Store.read`."""
        data = self._recall(name)
        if data is None:
            data = super().read(name)
            self._remember(name, data)
        return data

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open an object for reading. See `Store.open`."""
        data = self._recall(name)
        with super().open(name) if data is None else io.BytesIO(data) as stream:
            yield stream

    def _recall(self, name: str) -> bytes | None:
        with self._lock:
            data = self._memory.get(name)
            if data is not None:
                self._memory.move_to_end(name)
            return data

    def _remember(self, name: str, data: bytes) -> None:
        if len(data) > _LARGEST_BYTES or not name.startswith(_REMEMBERED):
            return
        with self._lock:
            self._bytes += len(data) - len(self._memory.pop(name, b""))
            self._memory[name] = bytes(data)
            while self._bytes > _ALL_BYTES:
                self._bytes -= len(self._memory.popitem(last=False)[1])
