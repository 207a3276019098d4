"""How often a run that is gone is continued by others: a few times, at growing pauses; then an event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import RunRecord
from tuneloop.sensor.transitions import PendingRun, work_of

PAUSES = (timedelta(hours=1), timedelta(hours=4), timedelta(days=1))
"""Before the second, third and last try. Any record that the training gets meanwhile begins the count anew."""


@dataclass(frozen=True)
class Try:
    """The next try at what a training and a plan have left to do."""

    folder: str
    """Where its tries are recorded."""
    number: int
    """From 1."""
    due: bool = False
    exhausted: bool = False
    """There is none: all have come to nothing."""
    notified: bool = False
    """Somebody was notified of that."""


def next_continuation(ledger: Ledger, pending: PendingRun, at: datetime, *, cancelled: bool) -> Try:
    """The next try at one of the runs that want the same. A cancelled run is finished by itself."""
    folder = _folder(pending.run, pending.records, cancelled=cancelled)
    tried = {name[len(folder) :]: since for name, since in ledger.store.written(folder)}
    notified = tried.pop("notified", None) is not None
    number = len(tried) + 1
    if number == 1:
        return Try(folder, number, due=True)
    if number > len(PAUSES) + 1:
        return Try(folder, number, exhausted=True, notified=notified)
    return Try(folder, number, due=at - max(tried.values()) >= PAUSES[number - 2])


def is_given_up(ledger: Ledger, run: RunRecord, records: int) -> bool:
    """Return True if an event said that a run is not continued automatically any more."""
    return any(
        ledger.store.exists(f"{_folder(run, records, cancelled=cancelled)}notified") for cancelled in (False, True)
    )


def _folder(run: RunRecord, records: int, *, cancelled: bool) -> str:
    finish_cancelled_run = f"-{run.flow_run}" if cancelled else ""
    return f"continued/{work_of(run)}{finish_cancelled_run}/{records:04d}/"


def record_try(ledger: Ledger, made: Try, flow_run: str) -> None:
    """Remember a try. Only after it was made: a tick that dies in between makes the same one once more."""
    ledger.store.create(f"{made.folder}{made.number:04d}", flow_run.encode())


def mark_notified(ledger: Ledger, last: Try) -> None:
    """Remember that an event said that there are no tries left."""
    ledger.store.create(f"{last.folder}notified", b"")
