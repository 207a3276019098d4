"""Check a store before anything is paid: is a name written once, and does its clock agree with ours?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuneloop.errors import StoreError
from tuneloop.schemas.records import new_writer
from tuneloop.storage.identity import IDENTITY, identity_and_clock, to_json

if TYPE_CHECKING:
    from tuneloop.storage.base import Store
    from tuneloop.storage.identity import StoreIdentity

_MAX_OFFSET_S = 30
"""Deadlines reach other hosts by the wall clock; their margins allow for a minute between two of them."""


def verify(store: Store) -> StoreIdentity:
    """Show that a store can be written, writes a name once and keeps our time, in a few small requests.

    It shows that the condition is honoured, not that it holds among racing writers: that no single writer
    can see.

    Raises:
        NoStore: There is no store; it is never made here.
        StoreError: The store cannot be used; the message says why and what to do.
        CorruptRecord: `store.json` is of another version of Tuneloop, or no such file at all.
    """
    identity = check_clock(store)
    # Whoever ignores the condition writes the same identity over itself: the store stays the one it was.
    if store.create(IDENTITY, to_json(identity.model_copy(update={"writer_id": new_writer()}))):
        raise StoreError(
            f"{store.uri} cannot keep records: it wrote {IDENTITY} a second time. It ignores If-None-Match: "
            "two runs could both pay for one training. Use a server that honours it, such as Amazon S3, "
            "Cloudflare R2, Ceph or a recent MinIO, or a local directory."
        )
    return identity


def check_clock(store: Store) -> StoreIdentity:
    """Compare the store's clock with ours, and say which store it is; one small request.

    Raises:
        NoStore: As `identity_of`, and CorruptRecord too.
        StoreError: They are too far apart for deadlines that one host writes and another one reads.
    """
    identity, offset_s = identity_and_clock(store)
    if offset_s is not None and abs(offset_s) > _MAX_OFFSET_S:
        ahead = "ahead of" if offset_s > 0 else "behind"
        raise StoreError(
            f"The clock of {store.uri} is {abs(offset_s):.0f} s {ahead} the clock of this machine. More than "
            f"{_MAX_OFFSET_S} s, and two machines could both pay for one training. Set both by NTP, and run again."
        )
    return identity
