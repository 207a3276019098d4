"""Which store this is: made once, by a person, and never by a run."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from pydantic import Field, ValidationError

from tuneloop.clock import now
from tuneloop.errors import CorruptRecord, NoStore, ObjectNotFound
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.records import new_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tuneloop.storage.base import Store

IDENTITY = "store.json"
"""Name of the file that says which store this is."""


class StoreIdentity(FrozenModel):
    """Which store this is; the first one written wins for ever."""

    schema_number: Literal[2] = 2
    """Form of everything in the store."""
    writer_id: str = Field(default_factory=new_writer)
    """Random id of this one write."""
    store_id: str = Field(min_length=1)
    """Random id of the store."""
    created_at: datetime | None = None
    """When it was made, by the maker's clock (UTC); None in stores of before this was written."""
    created_by: str | None = None
    """Who made it; None as above."""


def create_store(store: Store, created_by: str) -> StoreIdentity:
    """Make a store where there is none yet. Where one is, it stays as it is, and is returned."""
    made = StoreIdentity(store_id=uuid4().hex, created_at=now(), created_by=created_by)
    return made if store.create(IDENTITY, to_json(made)) else identity_of(store)


def identity_of(store: Store) -> StoreIdentity:
    """Return which store this is.

    Raises:
        NoStore: No store was created here, or what was here is not there now.
        CorruptRecord: `store.json` is of another version of Tuneloop, or no such file at all.
    """
    return _read(store, store.read)


def identity_and_clock(store: Store) -> tuple[StoreIdentity, float | None]:
    """The same, and the seconds by which the store's clock is ahead of ours, None where it does not say."""
    offset_s: float | None = None

    def read(name: str) -> bytes:
        nonlocal offset_s
        data, offset_s = store.read_with_clock(name)
        return data

    return _read(store, read), offset_s


def _read(store: Store, read: Callable[[str], bytes]) -> StoreIdentity:
    try:
        return StoreIdentity.model_validate_json(read(IDENTITY))
    except ObjectNotFound:
        raise NoStore(
            f"{store.uri} is no Tuneloop store: it has no {IDENTITY}. Is the volume mounted, is the prefix right?"
        ) from None
    except ValidationError as error:
        raise CorruptRecord(
            f"{store.uri_of(IDENTITY)} is not what this version of Tuneloop writes there: a newer one has made "
            "the store, or one of before the first release. Update Tuneloop, or choose another folder or prefix."
        ) from error


def to_json(identity: StoreIdentity) -> bytes:
    """The bytes of `store.json`."""
    return identity.model_dump_json(indent=1).encode()
