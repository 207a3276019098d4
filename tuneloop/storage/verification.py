"""A look at a store before anything is paid for: can it be written, and is a name written once?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from pydantic import Field, ValidationError

from tuneloop.errors import RecordUnreadable, StoreError
from tuneloop.values.frozen import Frozen

if TYPE_CHECKING:
    from tuneloop.storage.store import Store

IDENTITY = "store.json"
"""Name of the file that says which store this is."""


class StoreIdentity(Frozen):
    """Which store this is; the first one written wins for ever."""

    schema_number: Literal[1]
    """Form of everything in the store."""
    store_id: str = Field(min_length=1)
    """Random id of the store."""


def verify(store: Store) -> StoreIdentity:
    """Show that a store can be written and writes a name once, in two or three small requests.

    It shows that the condition is honoured, not that it holds among racing writers: that no single writer
    can see.

    Raises:
        StoreError: The store cannot be used; the message says why and what to do.
        RecordUnreadable: `store.json` is of another version of Tuneloop, or no such file at all.
    """
    first, second = (StoreIdentity(schema_number=1, store_id=uuid4().hex) for _ in range(2))
    if not store.create(IDENTITY, _bytes(first)):
        return _read(store)
    if store.create(IDENTITY, _bytes(second)):
        raise StoreError(
            f"{store.uri} cannot keep records: it wrote {IDENTITY} a second time. It ignores If-None-Match: "
            "two runs could both pay for one training. Use a server that honours it, such as Amazon S3, "
            "Cloudflare R2, Ceph or a recent MinIO, or a local directory."
        )
    return first


def _bytes(identity: StoreIdentity) -> bytes:
    return identity.model_dump_json().encode()


def _read(store: Store) -> StoreIdentity:
    try:
        return StoreIdentity.model_validate_json(store.read(IDENTITY))
    except ValidationError as error:
        raise RecordUnreadable(
            f"{store.uri_of(IDENTITY)} is not what this version of Tuneloop writes there. Update Tuneloop, "
            "or choose another folder or prefix for the store."
        ) from error
