"""What one look at a store found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from tuneloop.schemas.records import RunRecord, Submitted
from tuneloop.sensor.transitions import PendingRun, Transition


@dataclass(frozen=True)
class Unreached:
    """An account that could not be asked for an hour.

    Attributes:
        account: Its slug.
        since: Since when.
        why: What stands in the way.
    """

    account: str
    since: datetime
    why: str


@dataclass(frozen=True)
class OddWord:
    """A status word that is not documented.

    Attributes:
        run: A run that waits for the job.
        word: The word.
    """

    run: RunRecord
    word: str


@dataclass(frozen=True)
class Revived:
    """A job that lives on after a bad end, and is followed again.

    Attributes:
        run: The run that had found the end.
        record: What was written.
    """

    run: RunRecord
    record: Submitted


@dataclass
class TickResult:
    """What one look found.

    Attributes:
        in_flight: Markers that were seen.
        flow_runs: The runs that have left them.
        states: How many jobs have which state, by account and the provider's word for it.
        oldest: When the oldest marker was left.
        requests: Requests that were made to providers.
        stories: Runs that have something to do, be it only to end.
        submitting: Runs that have begun to submit; see `PendingRun.submitting`.
        changes: What was written down.
        overdue: Runs whose training takes unusually long, told of once.
        odd_words: Status words that are not documented, told of once.
        unreached: Accounts that could not be asked for an hour.
        revived: Jobs that are followed again.
        notes: Sentences worth a log line.
        problems: What a person has to mend; everything else was looked at all the same.
    """

    in_flight: int = 0
    flow_runs: list[str] = field(default_factory=list)
    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    oldest: datetime | None = None
    requests: int = 0
    stories: list[PendingRun] = field(default_factory=list)
    submitting: list[PendingRun] = field(default_factory=list)
    changes: list[Transition] = field(default_factory=list)
    overdue: list[RunRecord] = field(default_factory=list)
    odd_words: list[OddWord] = field(default_factory=list)
    unreached: list[Unreached] = field(default_factory=list)
    revived: list[Revived] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, other: TickResult) -> None:
        """Take in what was found in another account of the store."""
        self.in_flight += other.in_flight
        self.states += other.states
        self.oldest = min(filter(None, (self.oldest, other.oldest)), default=None)
        self.requests += other.requests
        self.stories += other.stories
        self.submitting += other.submitting
        self.changes += other.changes
        self.overdue += other.overdue
        self.odd_words += other.odd_words
        self.unreached += other.unreached
        self.revived += other.revived
        self.notes += other.notes
        self.problems += other.problems
