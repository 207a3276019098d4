"""From a source that is read by range into a store, part by part; a killed transfer is gone on with.

What a later process needs to go on is a record below `transfers/`, written once per upload, after the header
of the file was read and before anything else of it. The record says which file it was about: another size or
ETag is another file, and starts another transfer.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import uuid4

from pydantic import Field, ValidationError

from tuneloop.clock import now
from tuneloop.errors import StoreError, StoreUnavailable
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.storage.base import Store, StoredObject
from tuneloop.storage.safetensors_stream import promised_size
from tuneloop.storage.upload import Part, Upload, UploadGone, fitting_part_size, parts_of

_NUMBERED = re.compile(r"(\d{4,})\.json")
_UPLOADS = 3
"""How many uploads of one file may vanish under our hands."""
# Before each attempt to write a part; what a part had so far is fetched again.
_PAUSES_S = (0.0, 0.5, 2.0, 8.0)
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class RangedSource:
    """A file that can be read from any byte on.

    Attributes:
        size_bytes: Its size.
        etag: What changes when the file does.
        read: Opens the bytes from a first one up to (not including) a last one; it raises where the file is not
            that of `etag` any more.
    """

    size_bytes: int
    etag: str
    read: Callable[[int, int], AbstractContextManager[Iterator[bytes]]]


class Transfer(FrozenModel):
    """One upload of a file whose header was found good. It holds no address."""

    schema_number: Literal[1] = 1
    """Form of the record."""
    writer_id: str = Field(default_factory=lambda: uuid4().hex)
    """Random id of this one write."""
    created_at: datetime
    """When it was written, by the writer's clock (UTC)."""
    upload: str
    """The store's id of the upload."""
    size_bytes: int = Field(ge=1)
    """Size of the file at the source, which is what its header promises."""
    etag: str
    """ETag of the file at the source."""
    part_size: int = Field(ge=1)
    """Bytes per part."""

    def is_of(self, source: RangedSource) -> bool:
        """Tell whether it is about the file that the source has now."""
        return (self.size_bytes, self.etag) == (source.size_bytes, source.etag)


def transfer(
    store: Store, name: str, source: RangedSource, called: str, on_progress: Progress | None = None
) -> StoredObject:
    """Bring a safetensors file into the store, going on where an earlier attempt stopped.

    Args:
        store: Where it goes.
        name: Name within the store; the first one to take it wins, and what is there is described.
        source: Where it comes from.
        called: What the file is called in messages.
        on_progress: Called with the bytes that are in the store, or on their way, and the bytes in all.

    Raises:
        InvalidWeights: The file is no safetensors file, or not as long as its header says.
    """
    gone: set[str] = set()
    for _ in range(_UPLOADS):
        record, is_new = _current(store, name, source, called, gone)
        try:
            return _send(store, name, source, record, on_progress, is_new=is_new)
        except UploadGone:
            # Whoever works on the same upload may have completed it.
            if store.exists(name):
                return store.describe(name)
            gone.add(record.upload)
    raise StoreUnavailable(
        f"{store.uri_of(name)}: {_UPLOADS} uploads vanished before they were complete. See what deletes "
        "unfinished uploads there, such as a lifecycle rule, then run again."
    )


def records(store: Store, name: str) -> list[Transfer]:
    """Every record of transfers to a name that can be read, oldest first."""
    return _readable(store, _numbered(store, name))


def _readable(store: Store, numbered: dict[int, str]) -> list[Transfer]:
    found = []
    for _, each in sorted(numbered.items()):
        # One that cannot be read costs another fetch, and nothing else: no weights hang on it.
        with suppress(ValidationError):
            found.append(Transfer.model_validate_json(store.read(each)))
    return found


def _numbered(store: Store, name: str) -> dict[int, str]:
    prefix = f"transfers/{name}/"
    names = {each[len(prefix) :]: each for each in store.names(prefix)}
    return {int(match[1]): each for end, each in names.items() if (match := _NUMBERED.fullmatch(end))}


def _current(store: Store, name: str, source: RangedSource, called: str, gone: set[str]) -> tuple[Transfer, bool]:
    """The transfer to go on with, begun where there is none, and whether it was begun here and now."""
    numbered = _numbered(store, name)
    latest = next(reversed(_readable(store, numbered)), None)
    same = latest is not None and latest.is_of(source)
    if latest is not None and same and latest.upload not in gone:
        return latest, False
    if not same:
        promised_size(called, source.size_bytes, source.read)
    begun, is_new = _begin(store, name, source, max(numbered, default=0) + 1)
    if latest is not None and begun.upload != latest.upload:
        with suppress(StoreError):  # a rest that costs a little until it is swept
            store.drop_upload(name, latest.upload)
    return begun, is_new


def _begin(store: Store, name: str, source: RangedSource, number: int) -> tuple[Transfer, bool]:
    """Begin a transfer under a number, or find the one that somebody else has begun under it."""
    begun = Transfer(
        created_at=now(),
        upload=store.begin_upload(name),
        size_bytes=source.size_bytes,
        etag=source.etag,
        part_size=fitting_part_size(source.size_bytes, store.part_size),
    )
    record = f"transfers/{name}/{number:04d}.json"
    if store.create(record, begun.model_dump_json(indent=1).encode()):
        return begun, True
    with suppress(StoreError):
        store.drop_upload(name, begun.upload)
    theirs = Transfer.model_validate_json(store.read(record))
    if not theirs.is_of(source):
        raise StoreUnavailable(
            f"{store.uri_of(record)} was begun by somebody else for another file of this name; run again."
        )
    return theirs, False


def _send(
    store: Store,
    name: str,
    source: RangedSource,
    record: Transfer,
    on_progress: Progress | None,
    *,
    is_new: bool,
) -> StoredObject:
    parts = parts_of(record.size_bytes, record.part_size)
    with store.open_upload(name, record.upload, parts) as upload:
        there = {} if is_new else upload.done()
        missing = [part for part in parts if there.get(part.number) != part.size]
        done = record.size_bytes - sum(part.size for part in missing)
        if on_progress is not None:
            on_progress(done, record.size_bytes)
        for part in missing:
            _send_part(upload, part, _told(source, done, on_progress))
            done += part.size
        won = upload.complete()
        if won and upload.fingerprint.size_bytes == record.size_bytes:
            return store.stored(name, upload.fingerprint)
    # Parts that an earlier process sent were never seen by this one: what is there now is read once.
    return store.describe(name)


def _send_part(upload: Upload, part: Part, source: RangedSource) -> None:
    last: StoreUnavailable | None = None
    for pause_s in _PAUSES_S:
        time.sleep(pause_s)
        try:
            with source.read(part.start, part.stop) as chunks:
                upload.put(part, chunks)
        except StoreUnavailable as error:
            last = error
        else:
            return
        # Raises `UploadGone`, where some servers answer 500; and a lost answer may hide a part that is there.
        if upload.done().get(part.number) == part.size:
            return
    raise last or StoreUnavailable(f"part {part.number} was never sent")


def _told(source: RangedSource, done: int, on_progress: Progress | None) -> RangedSource:
    """The same source, telling how far it was read."""
    if on_progress is None:
        return source

    @contextmanager
    def read(start: int, stop: int) -> Iterator[Iterator[bytes]]:
        with source.read(start, stop) as chunks:
            yield _counted(chunks, done, source.size_bytes, on_progress)

    return replace(source, read=read)


def _counted(chunks: Iterator[bytes], done: int, size_bytes: int, on_progress: Progress) -> Iterator[bytes]:
    for chunk in chunks:
        done += len(chunk)
        yield chunk
        on_progress(done, size_bytes)
