"""Which store this is, made once by a person and never by a run; and its check before anything is paid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Literal
from uuid import uuid4

from pydantic import Field, ValidationError

from tuneloop.clock import now
from tuneloop.errors import CorruptRecord, NoStore, ObjectNotFound, StoreError
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.records import new_writer
from tuneloop.storage.base import Store

IDENTITY = "store.json"
"""Name of the file that says which store this is."""
_MAX_OFFSET_S = 30
"""Deadlines reach other hosts by the wall clock; their margins allow for a minute between two of them."""


class StoreIdentity(FrozenModel):
    """Which store this is; the first one written wins for ever."""

    schema_number: Literal[2] = 2
    writer_id: str = Field(default_factory=new_writer)
    """Random id of this one write."""
    store_id: str = Field(min_length=1)
    created_at: datetime | None = None
    """When it was made, by the maker's clock (UTC); None in stores of before this was written."""
    created_by: str | None = None


def create_store(store: Store, created_by: str) -> StoreIdentity:
    """Make a store where there is none yet. Where one is, it stays as it is, and is returned."""
    made = StoreIdentity(store_id=uuid4().hex, created_at=now(), created_by=created_by)
    return made if store.create(IDENTITY, _to_json(made)) else identity_of(store)


def identity_of(store: Store) -> StoreIdentity:
    """Return which store this is.

    Raises:
        NoStore: No store was created here, or what was here is not there now.
        CorruptRecord: `store.json` is of another version of Tuneloop, or no such file at all.
    """
    with _errors(store):
        return StoreIdentity.model_validate_json(store.read(IDENTITY))


@contextmanager
def _errors(store: Store) -> Iterator[None]:
    try:
        yield
    except ObjectNotFound:
        raise NoStore(
            f"{store.uri} is not a Tuneloop store: it has no {IDENTITY}. Is the volume mounted, is the prefix "
            "right?"
        ) from None
    except ValidationError as error:
        raise CorruptRecord(
            f"{store.uri_of(IDENTITY)} is not what this version of Tuneloop writes there: a newer one has made "
            "the store, or one of before the first release. Update Tuneloop, or choose another folder or prefix."
        ) from error


def _to_json(identity: StoreIdentity) -> bytes:
    return identity.model_dump_json(indent=1).encode()


def verify(store: Store) -> StoreIdentity:
    """Show that a store can be written, writes a name once and keeps our time, in a few small requests.

    It shows that the condition is honoured, not that it holds among racing writers: that no single writer
    can see. Raises `StoreError` where it cannot be used, and as `identity_of`: no store is made here.
    """
    identity = check_clock(store)
    check_writes_once(store, identity)
    return identity


def check_writes_once(store: Store, identity: StoreIdentity) -> None:
    """Write the identity of a store once more, which is refused. Raises `StoreError` where it is not."""
    # Whoever ignores the condition writes the same identity over itself: the store stays the one it was.
    if store.create(IDENTITY, _to_json(identity.model_copy(update={"writer_id": new_writer()}))):
        raise StoreError(
            f"{store.uri} cannot keep records: it wrote {IDENTITY} a second time. It ignores If-None-Match: "
            "two runs could both pay for one training. Use a server that honours it, such as Amazon S3, "
            "Cloudflare R2, Ceph or a recent MinIO, or a local directory."
        )


def check_clock(store: Store) -> StoreIdentity:
    """Compare the store's clock with ours, and say which store it is; one small request.

    Raises `StoreError` where they are too far apart for deadlines that one host writes and another one reads, and
    as `identity_of`.
    """
    with _errors(store):
        data, offset_s = store.read_with_clock(IDENTITY)
        identity = StoreIdentity.model_validate_json(data)
    if offset_s is not None and abs(offset_s) > _MAX_OFFSET_S:
        ahead = "ahead of" if offset_s > 0 else "behind"
        raise StoreError(
            f"The clock of {store.uri} is {abs(offset_s):.0f} s {ahead} the clock of this machine. More than "
            f"{_MAX_OFFSET_S} s, and two machines could both pay for one training. Set both by NTP, and run again."
        )
    return identity
