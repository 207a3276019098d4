"""Hints in the store: written once before the call is answered, and marked once they were followed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta

from tuneloop.clock import now
from tuneloop.errors import CorruptRecord
from tuneloop.ledger.ledger import Ledger
from tuneloop.webhooks.hint import Hint, HintDone, Outcome, folder_of

TAKEN_UP_FOR = timedelta(days=1)
"""How long a hint that was not followed is taken up again at a start. The sensor has found it long before."""

KEPT_FOR = timedelta(days=7)
"""How long hints stay: long enough to see what came of a call, and to know the same one again."""
_OF_A_DAY = re.compile(r"hints/[^/]+/(\d{4}-\d\d-\d\d)/[^/]+")


def keep_hint(ledger: Ledger, hint: Hint) -> bool:
    """Write a hint down.

    Returns:
        False where this call came in before.
    """
    return ledger.create_record(f"{hint.stem}.json", hint)


def finish_hint(ledger: Ledger, hint: Hint, outcome: Outcome) -> None:
    """Write that a hint is done with; the first one to say so stands."""
    ledger.create_record(f"{hint.stem}.done", HintDone(created_at=now(), outcome=outcome))


def open_hints(ledger: Ledger, accounts: Iterable[str]) -> list[Hint]:
    """Hints of the last day that are not done, of these accounts by their slugs.

    One that cannot be read is passed over: it is only a hint, and the sensor finds what it was about.
    """
    moment = now()
    folders = [folder_of(account, day) for account in accounts for day in (moment - TAKEN_UP_FOR, moment)]
    hints = [hint for folder in folders for hint in _open_in(ledger, folder)]
    return [hint for hint in hints if moment - hint.created_at <= TAKEN_UP_FOR]


def _open_in(ledger: Ledger, folder: str) -> Iterator[Hint]:
    names = set(ledger.store.names(folder))
    for name in sorted(names):
        stem, _, ending = name.rpartition(".")
        if ending == "json" and f"{stem}.done" not in names:
            with suppress(CorruptRecord):
                yield ledger.read_record(name, Hint)


def sweep_hints(ledger: Ledger) -> int:
    """Delete the hints of days that are over for `KEPT_FOR`, and how they ended. Returns how many files went."""
    oldest = f"{now() - KEPT_FOR:%Y-%m-%d}"
    found = (_OF_A_DAY.fullmatch(name) for name in ledger.store.names("hints/"))
    old = [match[0] for match in found if match and match[1] < oldest]
    for name in old:
        ledger.store.delete_marker(name)
    return len(old)
