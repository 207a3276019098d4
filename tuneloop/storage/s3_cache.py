"""A store on S3 that caches what it has read and written: nothing in a store ever changes under its name."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO

from tuneloop.storage.s3 import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CACHED = (
    "accounts/", "budget/", "datasets/", "drivers/", "models/", "images/", "renders/",
    "retrain-reasons/", "runs/", "trainings/",
)  # fmt: skip
"""Written once and read again. Not `store.json`, by which a run shows that the store is still the same one, nor
what is deleted (`inflight/`), nor weights, which are read to prove what they are."""
_MAX_OBJECT_BYTES = 4 << 20
_MAX_BYTES = 24 << 20


class CachingS3Store(S3Store):
    """A store below a prefix of an S3 bucket, for the length of one run.

    What exists is requested each time, by lists and sizes; only the content of what is never written twice is
    cached. Absence never is.
    """

    def __init__(self, client: S3Client, bucket: str, prefix: str = "", **options: Any) -> None:
        super().__init__(client, bucket, prefix, **options)
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def create(self, name: str, data: bytes) -> bool:
        won = super().create(name, data)
        if won:
            self._put(name, data)
        return won

    def read(self, name: str) -> bytes:
        data = self._get(name)
        if data is None:
            data = super().read(name)
            self._put(name, data)
        return data

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        data = self._get(name)
        with super().open(name) if data is None else io.BytesIO(data) as stream:
            yield stream

    def _get(self, name: str) -> bytes | None:
        with self._lock:
            data = self._cache.get(name)
            if data is not None:
                self._cache.move_to_end(name)
            return data

    def _put(self, name: str, data: bytes) -> None:
        if len(data) > _MAX_OBJECT_BYTES or not name.startswith(_CACHED):
            return
        with self._lock:
            self._bytes += len(data) - len(self._cache.pop(name, b""))
            self._cache[name] = bytes(data)
            while self._bytes > _MAX_BYTES:
                self._bytes -= len(self._cache.popitem(last=False)[1])
