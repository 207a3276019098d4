"""Does a store keep our time, and write a name once? For real, by the look that each run takes before it pays."""

from __future__ import annotations

from collections.abc import Callable

from tuneloop.errors import CorruptRecord, NoStore, StoreError, StoreUnavailable
from tuneloop.operations.doctor.check import Check, ok, problem
from tuneloop.storage.base import Store
from tuneloop.storage.identity import StoreIdentity, check_clock, check_writes_once

_SAID: tuple[tuple[type[StoreError], str], ...] = (
    (NoStore, "there is no store"),
    (StoreUnavailable, "does not respond"),
    (CorruptRecord, "cannot be read"),
    (StoreError, "cannot be used"),
)


def identity_check(name: str, look: Callable[[], StoreIdentity]) -> tuple[Check, StoreIdentity | None]:
    """Judge which store it is, by a look that raises `StoreError` where it is not the right one."""
    try:
        identity = look()
    except StoreError as error:
        said = next(words for kind, words in _SAID if isinstance(error, kind))
        return problem(name, said, str(error)), None
    return ok(name, "known to this server, and driven by it"), identity


def promise_checks(name: str, store: Store, identity: StoreIdentity) -> list[Check]:
    """Check the clock and the conditional write of a store that is the right one."""
    return [
        _promise(f"{name}, clock", "in sync with this machine's", "is not in sync", lambda: check_clock(store)),
        _promise(
            f"{name}, write once",
            "a second write is refused",
            "a second write is accepted",
            lambda: check_writes_once(store, identity),
        ),
    ]


def _promise(name: str, kept: str, broken: str, look: Callable[[], object]) -> Check:
    try:
        look()
    except StoreUnavailable as error:
        return problem(name, "does not respond", str(error))
    except StoreError as error:
        return problem(name, broken, str(error))
    return ok(name, kept)
