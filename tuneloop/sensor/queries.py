"""What one tick queries of one account: a list where that carries states, else the jobs that are due."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from tuneloop.errors import (
    AuthenticationFailed,
    CorruptRecord,
    NotFoundAtProvider,
    RequestRejected,
    UnexpectedResponse,
)
from tuneloop.ledger.ledger import Ledger, Marker
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.base import Provider
from tuneloop.providers.registry import recorded_recipe
from tuneloop.schemas.recipe_fields import Cadence
from tuneloop.schemas.records import Claimed, Held, RunRecord
from tuneloop.schemas.training import JobStatus

ALWAYS_QUERIED_FROM = 200
"""So many in flight are queried at every tick: one list call costs less than reading all their records."""
JOBS_A_TICK = 100
"""Jobs that are queried one by one, at most."""


@dataclass
class QueryResult:
    """What an account has answered."""

    jobs: dict[str, list[JobStatus]] = field(default_factory=lambda: defaultdict(list))
    """Jobs by the name that we gave them; more than one of a name should not be."""
    by_id: dict[str, JobStatus] = field(default_factory=dict)
    """The same jobs by the provider's id."""
    complete: bool = False
    """Every marker's job was queried."""
    absent: set[str] = field(default_factory=set)
    """Names of jobs that were queried by id, and that the provider has not."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Rows with a name of ours that cannot be read otherwise: why not, by name."""
    notes: tuple[str, ...] = ()
    """What was invalid in other rows."""
    provider: Provider | None = None
    """Who may be queried about one job; None where no query was made."""
    _left: int = JOBS_A_TICK

    @property
    def answered(self) -> bool:
        """Whether the account has answered anything."""
        return self.complete or bool(self.by_id) or bool(self.absent)

    def add(self, jobs: Iterable[JobStatus], name: str | None = None) -> None:
        """Take in some jobs, under another name where they were queried by id. One shown twice is one job."""
        for job in jobs:
            if job.job_id not in self.by_id:
                self.by_id[job.job_id] = job
                self.jobs[name or job.name].append(job)

    def of(self, name: str, job_id: str | None) -> list[JobStatus]:
        """The jobs of a training: by its id where that is known, whatever it is called now, and by its name."""
        named = list(self.jobs.get(name, []))
        followed = self.by_id.get(job_id) if job_id is not None else None
        if followed is None or followed in named:
            return named
        return [followed, *named]

    def take_single_query(self) -> bool:
        """Take one of the queries of single jobs that are left in this tick."""
        self._left -= 1
        return self.provider is not None and self._left >= 0


def cadence_of(run: RunRecord) -> Cadence:
    """The rhythm of a run's recipe."""
    return recorded_recipe.validate_python(run.recipe).cadence


def is_due(who: str, age_s: float, at: datetime, previous: datetime | None, cadence: Cadence) -> bool:
    """Return True if a tick at this moment should query an account or job of this name and age.

    Decided from the clock alone: a tick remembers nothing of the one before. Time is cut into pauses, shifted by
    the name's hash so that not all are due at once. Whoever has passed the end of a pause since the previous tick
    (if known) is due; so every rhythm of the sensor queries everyone.
    """
    if previous is None:
        return True
    pause_s = cadence.pause_s(age_s)
    shift = int.from_bytes(hashlib.sha256(who.encode()).digest()[:4]) % max(1, int(pause_s))
    return (at.timestamp() + shift) // pause_s != (previous.timestamp() + shift) // pause_s


def query_account(
    ledger: Ledger, provider: Provider, markers: list[Marker], at: datetime, previous: datetime | None
) -> QueryResult:
    """Query one account for its markers, if it is time at the tick `at`, after the one at `previous`."""
    if provider.capabilities.list_has_status:
        youngest = max(markers, key=lambda marker: marker.since)
        if len(markers) < ALWAYS_QUERIED_FROM:
            cadence = _cadence(ledger, youngest)
            if not is_due(youngest.account, _age_s(youngest, at), at, previous, cadence):
                return QueryResult(provider=provider)
        listed = provider.list_jobs()
        result = QueryResult(complete=True, unreadable=listed.unreadable, notes=listed.notes, provider=provider)
        result.add(listed.jobs)
        return result
    result = QueryResult(provider=provider)
    due = [each for each in markers if is_due(each.job, _age_s(each, at), at, previous, _cadence(ledger, each))]
    # No order is kept between ticks: chance gives everyone a turn.
    for marker in random.sample(due, min(len(due), JOBS_A_TICK)):
        if marker.job not in result.jobs:
            _query_job(ledger, provider, marker, result)
    return result


def _query_job(ledger: Ledger, provider: Provider, marker: Marker, result: QueryResult) -> None:
    """Query one job, by its id where that is known, else by its name."""
    try:
        run = ledger.run(marker.flow_run, marker.job)
        training = TrainingLog.of(ledger, run) if run else None
    except CorruptRecord:
        return  # it is named where the marker is settled
    if training is None:
        return
    if training.job_id is not None:
        try:
            result.add([provider.get_job(training.submission(training.job_id))], marker.job)
        except NotFoundAtProvider:
            result.absent.add(marker.job)
        except AuthenticationFailed:
            raise  # it concerns the whole account
        except (RequestRejected, UnexpectedResponse) as error:
            result.unreadable[marker.job] = str(error)
    elif isinstance(training.last, Claimed | Held):
        result.add(provider.find(training.stem, training.since).named(training.name))


def _cadence(ledger: Ledger, marker: Marker) -> Cadence:
    try:
        run = ledger.run(marker.flow_run, marker.job)
    except CorruptRecord:
        return Cadence()
    return cadence_of(run) if run else Cadence()


def _age_s(marker: Marker, at: datetime) -> float:
    return max(0.0, (at - marker.since).total_seconds())
