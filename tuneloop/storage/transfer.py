"""From a source into a store, part by part; a killed transfer is resumed.

What a later process needs to resume is a record below `transfers/`, written once per upload, after the header of
the file was read and before anything else of it. The record says which file it was about: another size or ETag is
another file, and starts another transfer.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial

from pydantic import Field, ValidationError

from tuneloop.clock import now
from tuneloop.errors import StoreError, StoreUnavailable
from tuneloop.schemas.ranged_source import RangedSource
from tuneloop.schemas.records import Record
from tuneloop.storage.base import Store, StoredObject
from tuneloop.storage.safetensors import check_file, checked_chunks
from tuneloop.storage.upload import UploadGone, part_size_for, parts_of

_NUMBERED = re.compile(r"(\d{4,})\.json")
_MAX_UPLOADS = 3
"""Uploads of one file that may vanish under our hands."""


class Transfer(Record):
    """One upload of a file whose header was found good. It holds no address."""

    upload: str
    """The store's id of the upload."""
    size_bytes: int = Field(ge=1)
    """Size of the file at the source, which is what its header promises."""
    etag: str
    part_size: int = Field(ge=1)

    def is_of(self, source: RangedSource) -> bool:
        return (self.size_bytes, self.etag) == (source.size_bytes, source.etag)


def transfer(store: Store, name: str, source: RangedSource, title: str) -> StoredObject:
    """Bring a safetensors file into the store, resuming where an earlier attempt stopped.

    The first file to take the name wins, and what is there is described. A source without ranges is read whole,
    in one go. Messages call the file by its title. Raises `InvalidWeights` where the file is no safetensors file,
    or not as long as its header says.
    """
    if source.size_bytes is None or source.etag is None:
        with source.read(0, None) as chunks:
            return store.write_stream(name, checked_chunks(title, chunks))
    gone: set[str] = set()
    for _ in range(_MAX_UPLOADS):
        record, is_new = _current(store, name, source, title, gone)
        try:
            return _send(store, name, source, record, is_new=is_new)
        except UploadGone:
            # Another process that works on the same upload may have completed it.
            if store.exists(name):
                return store.describe(name)
            gone.add(record.upload)
    raise StoreUnavailable(
        f"{store.uri_of(name)}: {_MAX_UPLOADS} uploads vanished before they were complete. See what deletes "
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


def _current(store: Store, name: str, source: RangedSource, title: str, gone: set[str]) -> tuple[Transfer, bool]:
    """The transfer to resume, begun where there is none, and whether it was begun here and now."""
    numbered = _numbered(store, name)
    latest = next(reversed(_readable(store, numbered)), None)
    same = latest is not None and latest.is_of(source)
    if latest is not None and same and latest.upload not in gone:
        return latest, False
    if not same:
        _check_header(source, title)
    begun, is_new = _begin(store, name, source, max(numbered, default=0) + 1)
    if latest is not None and begun.upload != latest.upload:
        with suppress(StoreError):  # it costs a little until it is swept
            store.drop_upload(name, latest.upload)
    return begun, is_new


def _check_header(source: RangedSource, title: str) -> None:
    position, size_bytes = 0, source.size_bytes or 0

    def read(size: int) -> bytes:
        nonlocal position
        start, position = position, min(position + size, size_bytes)
        with source.read(start, position) as chunks:
            return b"".join(chunks)

    check_file(title, size_bytes, read)


def _begin(store: Store, name: str, source: RangedSource, number: int) -> tuple[Transfer, bool]:
    """Begin a transfer under a number, or find the one that another process has begun under it."""
    begun = Transfer(
        created_at=now(),
        upload=store.begin_upload(name),
        size_bytes=source.size_bytes or 0,
        etag=source.etag or "",
        part_size=part_size_for(source.size_bytes or 0, store.part_size),
    )
    record = f"transfers/{name}/{number:04d}.json"
    if store.create(record, begun.model_dump_json(indent=1).encode()):
        return begun, True
    with suppress(StoreError):
        store.drop_upload(name, begun.upload)
    theirs = Transfer.model_validate_json(store.read(record))
    if not theirs.is_of(source):
        raise StoreUnavailable(
            f"{store.uri_of(record)} was begun by another process for another file of this name; run again."
        )
    return theirs, False


def _send(store: Store, name: str, source: RangedSource, record: Transfer, *, is_new: bool) -> StoredObject:
    parts = parts_of(record.size_bytes, record.part_size)
    with store.open_upload(name, record.upload, parts) as upload:
        there = {} if is_new else upload.done()
        for part in parts:
            if there.get(part.number) != part.size:
                upload.send(part, partial(source.read, part.start, part.stop))
        won = upload.complete()
        if won and upload.digest.size_bytes == record.size_bytes:
            return store.stored(name, upload.digest)
    # Parts that an earlier process sent were never seen by this one: what is there now is read once.
    return store.describe(name)
