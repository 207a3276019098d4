"""The artifact store as everything else sees it, and the names that every kind of store accepts."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime, timedelta
from itertools import chain
from typing import BinaryIO

from tuneloop.errors import StoreError
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.storage.upload import PART_SIZE, Digest, Part, Upload

# A part that starts with a dot is rejected: `.` and `..` lead out of the store, `.tmp` is the stores' own.
_PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")
MAX_PART = 255
"""Longest file name of the usual file systems."""
MAX_NAME = 900
"""An S3 key ends at 1,024 bytes; the rest is left to the prefix of the store."""
_READ_BYTES = 1 << 20
_BUFFER_BYTES = 8 << 20
"""Bytes of a stream that are held in memory; 10,000 parts of them are 78 GiB."""


def is_name(text: str) -> bool:
    """Return True if a store accepts this as a name."""
    short = len(text) <= MAX_NAME and all(len(part) <= MAX_PART for part in text.split("/"))
    return short and _NAME.fullmatch(text) is not None


def checked_name(text: str) -> str:
    """Return the name as it is. Raises `StoreError` where no store would accept it."""
    if not is_name(text):
        raise StoreError(
            f"{text!r} cannot be a name in a store: use A-Z a-z 0-9 . _ - with / between parts, no "
            f"part empty or starting with a dot, {MAX_PART} characters a part, {MAX_NAME} in all."
        )
    return text


def checked_prefix(text: str) -> str:
    """Return the beginning of a name as it is; empty is fine, and so is a `/` at its end."""
    if text:
        checked_name(f"{text}x" if text.endswith("/") else text)
    return text


def checked_marker(text: str) -> str:
    """Return the name of a marker as it is. Raises `StoreError` for anything that is never deleted."""
    if not text.startswith("inflight/"):
        raise StoreError(f"{text!r} stays: only markers below inflight/ may be deleted.")
    return checked_name(text)


def checked_page(text: str) -> str:
    """Return the name of a page that is written anew. Raises `StoreError` for anything that is written once."""
    if not text.startswith("pages/") and not (text.startswith("models/") and text.endswith(".html")):
        raise StoreError(f"{text!r} stays: only what is below pages/ and pages of models may be rewritten.")
    return checked_name(text)


class StoredObject(FrozenModel):
    """What a streamed write left in the store."""

    name: str
    uri: str
    """Full address, `s3://…` or `file://…`."""
    sha256: str
    """Sha256 of all bytes, 64 hex digits."""
    size_bytes: int
    found: bool = False
    """It was there already, and was read; else this very process has written all of it."""


class Store(ABC):
    """A flat name space of byte strings in which a name is written once.

    Names are relative, with `/` between parts, of the characters `A-Z a-z 0-9 . _ -`; no part starts with a
    dot. Every method raises `StoreUnavailable` where the store does not respond and `StoreError` where it
    rejects, naming the store and the remedy. A store that is not there at all is an error, never an absence.
    """

    uri: str
    """Address of the store, `s3://bucket/prefix` or `file:///folder`, without a trailing slash."""
    part_size: int = PART_SIZE
    distant: bool = False
    """Whether opening an object costs a round trip over a network, so that it pays to ask early."""

    @abstractmethod
    def create(self, name: str, data: bytes) -> bool:
        """Create a name once. Returns True if it now holds exactly `data`, False if it holds something else.

        Responses can lie: a request is resent after a lost response and then rejected because the name is taken.
        So a taken name is read back. Records carry a random writer id: equal bytes mean "written by me".
        """

    @abstractmethod
    def rewrite(self, name: str, data: bytes) -> None:
        """Write a page, whatever was there: below `pages/`, or of a model, such as `models/…/latest.html`.

        A page shows what records say, and may say more than when it was first written. Nothing else in a store is
        ever overwritten, and nothing is decided by a page: the last writer wins.
        """

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Read a whole object. Raises `ObjectNotFound` where nothing has this name."""

    @abstractmethod
    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open an object for reading from its start, as a stream. Raises `ObjectNotFound`."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Size of an object in bytes, None where nothing has this name."""

    @abstractmethod
    def names(self, prefix: str) -> Iterator[str]:
        """Every name that starts with `prefix`, sorted."""

    @abstractmethod
    def written(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Every name that starts with `prefix`, with the store's own time (UTC) of its writing.

        A hint for how often to look at something, and never a proof: clocks differ, and copies are younger.
        """

    @abstractmethod
    def begin_upload(self, name: str) -> str:
        """Begin an upload in parts that outlives this process. Returns its id."""

    @abstractmethod
    def open_upload(self, name: str, upload: str, parts: Sequence[Part]) -> Upload:
        """Open an upload, begun here or in an earlier process, to write parts of it or to complete it.

        `parts` is every part of the file, in order; all must be in it by `complete`. Raises `UploadGone` where
        there is no such upload any more; it may have been completed.
        """

    @abstractmethod
    def drop_upload(self, name: str, upload: str) -> None:
        """Give an upload up, with all its parts. Absent is fine."""

    @abstractmethod
    def sweep(self, prefix: str, older_than: timedelta) -> int:
        """Drop unfinished uploads and drafts below a prefix that are older than this. Returns how many.

        An upload stays that a younger transfer record names, while nothing has its name.
        """

    @abstractmethod
    def delete_marker(self, name: str) -> None:
        """Delete a marker below `inflight/`. Absent is fine.

        Nothing else in a store is ever deleted: no payment hangs on markers.
        """

    @abstractmethod
    def read_with_clock(self, name: str) -> tuple[bytes, float | None]:
        """As `read`, with the seconds by which the store's clock is ahead of ours, None where it does not say."""

    def write_stream(self, name: str, chunks: Iterable[bytes]) -> StoredObject:
        """Write a large object once, from a stream, with memory bounded by one part.

        The object appears under its name only when `chunks` is exhausted; an error or a kill before that
        leaves nothing under the name. If the name is taken meanwhile, the object that is there is hashed
        and returned instead: the first one wins.
        """
        checked_name(name)
        size = min(self.part_size, _BUFFER_BYTES)
        buffers = _buffers(chunks, size)
        first = next(buffers)
        if len(first) == size:
            return self._upload(name, chain((first,), buffers))
        digest = Digest()
        digest.update(first)
        return self.stored(name, digest) if self.create(name, bytes(first)) else self.describe(name)

    def _upload(self, name: str, buffers: Iterable[memoryview]) -> StoredObject:
        upload_id, parts, start = self.begin_upload(name), list[Part](), 0
        try:
            with self.open_upload(name, upload_id, parts) as upload:
                for number, data in enumerate(buffers, start=1):
                    parts.append(Part(number, start, start := start + len(data)))
                    opened = nullcontext([data])
                    upload.send(parts[-1], lambda opened=opened: opened)  # type: ignore[misc]
                won = upload.complete()
        except BaseException:
            with suppress(StoreError):  # the upload may be gone, and the first error says more
                self.drop_upload(name, upload_id)
            raise
        # Of a part that arrived although its answer was lost, the upload has hashed nothing.
        hashed = upload.digest.size_bytes == start
        return self.stored(name, upload.digest) if won and hashed else self.describe(name)

    def describe(self, name: str) -> StoredObject:
        """Hash what has this name, reading all of it. Raises `ObjectNotFound`."""
        digest = Digest()
        with self.open(name) as stream:
            while chunk := stream.read(_READ_BYTES):
                digest.update(chunk)
        return self.stored(name, digest).model_copy(update={"found": True})

    def stored(self, name: str, digest: Digest) -> StoredObject:
        uri = self.uri_of(name)
        return StoredObject(name=name, uri=uri, sha256=digest.sha256, size_bytes=digest.size_bytes)

    def presigned_url(self, name: str, lifetime: timedelta) -> str | None:  # noqa: ARG002 - of stores on S3
        """An address at which whoever has it can read one object for so long; None where a store has none."""
        return None

    def exists(self, name: str) -> bool:
        return self.size(name) is not None

    def seems_absent(self, name: str) -> bool:
        """Return True if nothing seems to have a name, for a writer of it; without a store, the write fails."""
        return not self.exists(name)

    def uri_of(self, name: str) -> str:
        return f"{self.uri}/{name}"


def _buffers(chunks: Iterable[bytes], size: int) -> Iterator[memoryview]:
    """Gather a stream into pieces of one size, and at last what remains; one empty piece for an empty stream.

    It is one buffer, filled anew each time: what is kept of it changes.
    """
    buffer, filled, is_empty = bytearray(size), 0, True
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            taken = rest[: size - filled]
            buffer[filled : filled + len(taken)] = taken
            filled, rest = filled + len(taken), rest[len(taken) :]
            if filled == size:
                yield memoryview(buffer)
                filled, is_empty = 0, False
    if filled or is_empty:
        yield memoryview(buffer)[:filled]
