"""What a look at an account means for each of its markers."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tuneloop.errors import CorruptRecord
from tuneloop.ledger.account_marks import AccountMarks
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.markers import Marker
from tuneloop.ledger.training import TrainingLog
from tuneloop.schemas.cadence import Cadence
from tuneloop.schemas.canonical import digest_of
from tuneloop.schemas.records import RunRecord, Submitted
from tuneloop.schemas.training import JobStatus
from tuneloop.sensor.queries import QueryResult, cadence_of
from tuneloop.sensor.tick import OddWord, TickResult
from tuneloop.sensor.transitions import Transition, pending_run, record_transitions
from tuneloop.sensor.unclear import cleared_up, held_as_lost, unclear_because

_AT_ONCE = 8


@dataclass(frozen=True)
class AccountLook:
    """One look at one account.

    Attributes:
        ledger: The ledger.
        asked: What the account has answered.
        at: When.
        troubles: What was not as it should be before, and since when; see `AccountMarks.troubles`.
    """

    ledger: Ledger
    asked: QueryResult
    at: datetime
    troubles: Mapping[str, datetime] = field(default_factory=dict)


def look_at_markers(look: AccountLook, markers: list[Marker], tick: TickResult) -> None:
    """Settle every marker that needs it, several at once: each is some round trips to the store."""
    unsettled = []
    for marker in markers:
        jobs = look.asked.jobs.get(marker.job, [])
        word = jobs[0].word if jobs else "not shown" if look.asked.complete else "not asked"
        tick.states[marker.account, word] += 1
        running = len(jobs) == 1 and jobs[0].phase == "running" and jobs[0].known
        if running and marker.job not in look.troubles:
            _tell_if_overdue(look, marker, tick)
        else:
            unsettled.append(marker)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(lambda marker: _settle(look, marker, tick), unsettled))


def _settle(look: AccountLook, marker: Marker, tick: TickResult) -> None:
    """Write down what happened to one job, and whether its run has something to do."""
    try:
        run = look.ledger.run(marker.flow_run)
        if run is None:
            return
        training = TrainingLog.of(look.ledger, run)
        shown = look.asked.of(marker.job, training.job_id)
        jobs = [job.recorded_as(training.job_ids) for job in shown]
        jobs = cleared_up(look.asked, training, jobs, look.at)
        job, change = record_transitions(look.ledger, run, jobs)
        change = change or _attend_to_the_unclear(look, run, training, jobs, tick)
        story = pending_run(look.ledger, run, job)
        tick.changes += [change] if change else []
        if story is not None:
            (tick.submitting if story.submitting else tick.stories).append(story)
        if (why := look.asked.unreadable.get(marker.job)) is not None:
            tick.problems.append(f"{marker.job}: {why}")
        if isinstance(training.last, Submitted) and change is None:
            _tell_if_overdue(look, marker, tick)
    except Exception as error:  # noqa: BLE001 - one record that cannot be read must not keep the others asleep
        tick.problems.append(f"{marker.job}: {error or type(error).__name__}")


def _attend_to_the_unclear(
    look: AccountLook, run: RunRecord, training: TrainingLog, jobs: list[JobStatus], tick: TickResult
) -> Transition | None:
    """Remember since when nobody can tell a job's state, and hand it over to a person after a day."""
    marks, since = AccountMarks(look.ledger, run.account.slug), look.troubles.get(training.name)
    why = unclear_because(look.asked, training, jobs)
    if why is None:
        if since is not None and jobs:
            marks.trouble_ended(training.name)
        return None
    marks.trouble_began(training.name)
    odd = next((job.word for job in jobs if job.job_id == training.job_id and not job.known), None)
    if odd is not None and not look.ledger.store.exists(_word_name(run, odd)):
        tick.problems.append(f"{training.name}: unknown status {odd!r} counts as still running")
        tick.odd_words.append(OddWord(run, odd))
    return held_as_lost(run, training, why, since)


def told_odd_word(ledger: Ledger, odd: OddWord) -> None:
    """Remember that somebody was told of a word. Only after telling: twice is better than never."""
    ledger.store.create(_word_name(odd.run, odd.word), odd.word.encode())


def _word_name(run: RunRecord, word: str) -> str:
    return f"unknown-statuses/{run.account.slug}/{digest_of(word)[:16]}.txt"


def _tell_if_overdue(look: AccountLook, marker: Marker, tick: TickResult) -> None:
    """Tell of a training once that takes unusually long."""
    age = look.at - marker.since
    if age <= timedelta(seconds=Cadence().overdue_s) or look.ledger.store.exists(f"overdue/{marker.job}"):
        return
    try:
        run = look.ledger.run(marker.flow_run)
    except CorruptRecord as error:
        tick.problems.append(f"{marker.job}: {error}")
        return
    if run is not None and age > timedelta(seconds=cadence_of(run).overdue_s):
        tick.overdue.append(run)


def mark_overdue_notified(ledger: Ledger, run: RunRecord, job: str) -> None:
    """Remember that somebody was told. Only after telling: twice is better than never."""
    ledger.store.create(f"overdue/{job}", run.flow_run.encode())
