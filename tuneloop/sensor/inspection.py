"""What a query of an account means for each of its markers.

A job that is not shown, or with a status that is not documented, is queried by its id. What stays unclear for
a day is held for a manual decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tuneloop.clock import now
from tuneloop.errors import CorruptRecord, NotFoundAtProvider, ProviderError, ProviderUnavailable, RecordConflict
from tuneloop.ledger.accounts import AccountMarks
from tuneloop.ledger.ledger import Ledger, Marker
from tuneloop.ledger.training import TrainingLog
from tuneloop.schemas.canonical import digest_of
from tuneloop.schemas.recipe_fields import Cadence
from tuneloop.schemas.records import RunRecord, Submitted
from tuneloop.schemas.training import JobStatus
from tuneloop.sensor.queries import QueryResult, cadence_of
from tuneloop.sensor.tick import TickResult, UnknownStatus
from tuneloop.sensor.transitions import Transition, pending_run, record_transitions

_AT_ONCE = 8
SHOWN_AFTER = timedelta(hours=1)
"""So long a list may not show a job that was accepted."""
HELD_AFTER = timedelta(days=1)
"""What is unclear for so long is held."""


@dataclass(frozen=True)
class AccountQuery:
    """One query of one account."""

    ledger: Ledger
    result: QueryResult
    at: datetime
    troubles: Mapping[str, datetime] = field(default_factory=dict)
    """What was wrong before, and since when; see `AccountMarks.troubles`."""


def inspect_markers(query: AccountQuery, markers: list[Marker], tick: TickResult) -> None:
    """Settle every marker that needs it, several at once: each is some round trips to the store."""
    unsettled = []
    for marker in markers:
        jobs = query.result.jobs.get(marker.job, [])
        word = jobs[0].provider_status if jobs else "not shown" if query.result.complete else "not polled"
        tick.states[marker.account, word] += 1
        running = len(jobs) == 1 and jobs[0].phase == "running" and jobs[0].known
        if running and marker.job not in query.troubles:
            _note_overdue(query, marker, tick)
        else:
            unsettled.append(marker)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(lambda marker: _settle(query, marker, tick), unsettled))


def _settle(query: AccountQuery, marker: Marker, tick: TickResult) -> None:
    """Record what happened to one job, and whether its run has something to do."""
    try:
        run = query.ledger.run(marker.flow_run, marker.job)
        if run is None:
            return
        training = TrainingLog.of(query.ledger, run)
        shown = query.result.of(marker.job, training.job_id)
        jobs = [job.recorded_as(training.job_ids) for job in shown]
        jobs = _query_unclear(query.result, training, jobs, query.at)
        job, change = record_transitions(query.ledger, run, jobs)
        change = change or _handle_unclear(query, run, training, jobs, tick)
        pending = pending_run(query.ledger, run, job)
        tick.changes += [change] if change else []
        if pending is not None:
            tick.pending.append(pending)
        if (why := query.result.unreadable.get(marker.job)) is not None:
            tick.problems.append(f"{marker.job}: {why}")
        if isinstance(training.last, Submitted) and change is None:
            _note_overdue(query, marker, tick)
    except Exception as error:  # noqa: BLE001 - one record that cannot be read must not keep the others asleep
        tick.problems.append(f"{marker.job}: {error or type(error).__name__}")


def _handle_unclear(
    query: AccountQuery, run: RunRecord, training: TrainingLog, jobs: list[JobStatus], tick: TickResult
) -> Transition | None:
    """Remember since when a job's state is unclear, and hold it after a day."""
    marks, since = AccountMarks(query.ledger, run.account.slug), query.troubles.get(training.name)
    why = _unclear_because(query.result, training, jobs)
    if why is None:
        if since is not None and jobs:
            marks.trouble_ended(training.name)
        return None
    marks.trouble_began(training.name)
    unknown = next((job.provider_status for job in jobs if job.job_id == training.job_id and not job.known), None)
    if unknown is not None and not query.ledger.store.exists(_word_name(run, unknown)):
        tick.problems.append(f"{training.name}: unknown status {unknown!r} counts as still running")
        tick.unknown_statuses.append(UnknownStatus(run, unknown))
    return _end_as_lost(query, run, training, why, since)


def mark_status_notified(ledger: Ledger, unknown: UnknownStatus) -> None:
    """Remember that an unknown status was notified. Only after that: twice is better than never."""
    ledger.store.create(_word_name(unknown.run, unknown.provider_status), unknown.provider_status.encode())


def _word_name(run: RunRecord, word: str) -> str:
    return f"unknown-statuses/{run.account.slug}/{digest_of(word)[:16]}.txt"


def _note_overdue(query: AccountQuery, marker: Marker, tick: TickResult) -> None:
    age = query.at - marker.since
    if age <= timedelta(seconds=Cadence().overdue_s) or query.ledger.store.exists(f"overdue/{marker.job}"):
        return
    try:
        run = query.ledger.run(marker.flow_run, marker.job)
    except CorruptRecord as error:
        tick.problems.append(f"{marker.job}: {error}")
    else:
        if run is not None and age > timedelta(seconds=cadence_of(run).overdue_s):
            tick.overdue.append(run)


def mark_overdue_notified(ledger: Ledger, run: RunRecord, job: str) -> None:
    """Remember that an overdue training was notified. Only after that: twice is better than never."""
    ledger.store.create(f"overdue/{job}", run.flow_run.encode())


def _query_unclear(
    result: QueryResult, training: TrainingLog, jobs: list[JobStatus], at: datetime
) -> list[JobStatus]:
    """Query by id a submitted job that the list does not show, or shows with an unknown status.

    Returns the training's jobs, with what the provider says now about the one that is followed.
    """
    last = training.last
    if not isinstance(last, Submitted):
        return jobs
    shown = next((job for job in jobs if job.job_id == last.job_id), None)
    if shown is None and (not result.complete or at - last.created_at < SHOWN_AFTER):
        return jobs
    if (shown is not None and shown.known) or not result.take_single_query() or result.provider is None:
        return jobs
    try:
        answer = result.provider.get_job(training.submission(last.job_id)).recorded_as({last.job_id})
    except ProviderError as error:
        if shown is None and isinstance(error, NotFoundAtProvider):
            result.absent.add(training.name)
        elif shown is None and not isinstance(error, ProviderUnavailable):
            raise
        return jobs  # the next tick asks again
    return [answer, *(job for job in jobs if job.job_id != last.job_id)]


def _unclear_because(result: QueryResult, training: TrainingLog, jobs: list[JobStatus]) -> str | None:
    """Say why the state of a submitted job is unclear; None where it is clear, or was not queried."""
    last = training.last
    if not isinstance(last, Submitted):
        return None
    followed = next((job for job in jobs if job.job_id == last.job_id), None)
    if followed is not None and not followed.known:
        return f"the provider says {followed.provider_status!r} about job {last.job_id}, which is not documented"
    gone = followed is None and training.name in result.absent
    return f"the provider no longer has job {last.job_id}" if gone else None


def _end_as_lost(
    query: AccountQuery, run: RunRecord, training: TrainingLog, why: str, since: datetime | None
) -> Transition | None:
    """Hold a job whose state was unclear for a day; one that was to stop, and is gone, has stopped."""
    last = training.last
    if since is None or now() - since < HELD_AFTER or not isinstance(last, Submitted):
        return None
    why = f"{why}, since {since:%Y-%m-%d %H:%M} UTC"
    request = query.ledger.cancel_request(training.name) if training.name in query.result.absent else None
    try:
        if request is not None:
            return Transition(run, training.append_cancelled(request, why), None)
        return Transition(run, training.hold("lost", f"{why}: look for {last.name} in its console"), None)
    except RecordConflict:
        return None
