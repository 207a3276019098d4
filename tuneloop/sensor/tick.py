"""What one poll of a store found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import NamedTuple

from tuneloop.ledger.ledger import Marker
from tuneloop.schemas.records import RunRecord, Submitted
from tuneloop.sensor.transitions import PendingRun, Transition


class Unreached(NamedTuple):
    """An account that could not be queried for an hour."""

    account: str
    since: datetime
    why: str


class UnknownStatus(NamedTuple):
    """A status that is not documented, of a job that a run waits for."""

    run: RunRecord
    provider_status: str


class Revived(NamedTuple):
    """A job that is alive after a failure: the run that had found the failure, and what was written."""

    run: RunRecord
    record: Submitted


@dataclass
class TickResult:
    """What one poll found."""

    in_flight: int = 0
    """How many runs have left a marker, and below the markers."""
    markers: list[Marker] = field(default_factory=list)
    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many jobs have which state, by account and provider status."""
    oldest: datetime | None = None
    """When the oldest marker was left."""
    requests: int = 0
    """To providers."""
    pending: list[PendingRun] = field(default_factory=list)
    """Runs that have something to do, be it only to end, or have begun to submit."""
    changes: list[Transition] = field(default_factory=list)
    overdue: list[RunRecord] = field(default_factory=list)
    """Runs whose training takes unusually long; notified once, as unknown statuses are."""
    unknown_statuses: list[UnknownStatus] = field(default_factory=list)
    unreached: list[Unreached] = field(default_factory=list)
    revived: list[Revived] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Sentences worth a log line."""
    problems: list[str] = field(default_factory=list)
    """What has to be fixed by hand; everything else was polled all the same."""

    def add(self, other: TickResult) -> None:
        """Take in what was found in another account of the store."""
        for name in {item.name for item in fields(self)} - {"oldest"}:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.oldest = min(filter(None, (self.oldest, other.oldest)), default=None)
