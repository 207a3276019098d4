"""One look at every training in flight: a list call per account, whatever the number of jobs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tuneloop.asking import Asked, ask, cadence_of
from tuneloop.clock import now
from tuneloop.errors import ProviderUnavailable, RateLimited, RecordUnreadable, TuneloopError
from tuneloop.known_names import StoredNames
from tuneloop.ledger import Ledger, Marker
from tuneloop.providers.provider import Provider
from tuneloop.settling import Change, Story, story_of, write_down
from tuneloop.values.cadence import Cadence
from tuneloop.values.canonical import digest_of
from tuneloop.values.records import RunFile
from tuneloop.values.training import JobStatus

_AT_ONCE = 8
PAUSE_S = 60.0
"""For how long an account is left alone that is asked too often and does not say for how long."""


@dataclass
class Tick:
    """What one look found.

    Attributes:
        in_flight: Markers that were seen.
        previous: When the tick before looked.
        states: How many jobs have which state, by account and the provider's word for it.
        oldest: When the oldest marker was left.
        requests: Requests that were made to providers.
        stories: Runs that have something to do, be it only to end.
        changes: What was written down.
        overdue: Runs whose training takes unusually long, told of once.
        notes: Sentences worth a log line.
        problems: What a person has to mend; everything else was looked at all the same.
    """

    in_flight: int = 0
    previous: datetime | None = None
    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    oldest: datetime | None = None
    requests: int = 0
    stories: list[Story] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    overdue: list[RunFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def look_at_all(
    ledger: Ledger, open_provider: Callable[[str], Provider], previous: datetime | None = None
) -> Tick:
    """Ask each account that is due, write down what has ended, and name the runs that have something to do.

    Has no memory and may die anywhere: the next look finds the same again. Two at once do no harm.

    Args:
        ledger: The ledger of one store.
        open_provider: Opens a credentials block by its slug.
        previous: When the tick before looked, None where nobody knows; it only decides who is asked.
    """
    tick = Tick(previous=previous)
    by_account: dict[str, list[Marker]] = defaultdict(list)
    for marker in ledger.markers():
        by_account[marker.account].append(marker)
    for account, markers in by_account.items():
        tick.in_flight += len(markers)
        oldest = min(marker.since for marker in markers)
        tick.oldest = oldest if tick.oldest is None else min(oldest, tick.oldest)
        _look_at_account(ledger, account, markers, open_provider, tick)
    return tick


def _look_at_account(
    ledger: Ledger, account: str, markers: list[Marker], open_provider: Callable[[str], Provider], tick: Tick
) -> None:
    at, asked, provider = now(), Asked(), None
    try:
        run = _any_run(ledger, markers)
        if run is None:
            tick.notes.append(f"{account}: {len(markers)} markers without a run file are left alone")
            return
        if (until := ledger.paused_until(account, at)) is None:
            provider = open_provider(run.credentials)
            provider.names_known = StoredNames(ledger.store, account)
            asked = ask(ledger, provider, markers, at, tick.previous)
        else:
            tick.notes.append(f"{account}: not asked before {until:%H:%M:%S} UTC, as its provider wishes")
    except RateLimited as error:
        until = at + timedelta(seconds=error.retry_after_s or PAUSE_S)
        ledger.pause(account, until)
        tick.notes.append(f"{account}: too many requests, asked again after {until:%H:%M:%S} UTC")
    except ProviderUnavailable as error:
        tick.notes.append(f"{account}: not reached, the next tick asks again: {error}")
    except TuneloopError as error:
        tick.problems.append(f"{account}: {error}")
        return
    tick.requests += provider.requests_made if provider else 0
    _note_unknown_words(ledger, account, asked, tick)
    look_at_markers(ledger, markers, asked, at, tick)


def _any_run(ledger: Ledger, markers: list[Marker]) -> RunFile | None:
    """A run of the account that can be read; what cannot is named where its marker is settled."""
    for marker in markers:
        with suppress(RecordUnreadable):
            run = ledger.run(marker.flow_run)
            if run is not None:
                return run
    return None


def look_at_markers(ledger: Ledger, markers: list[Marker], asked: Asked, at: datetime, tick: Tick) -> None:
    """Settle every marker that needs it, several at once: each is some round trips to the store."""
    unsettled = []
    for marker in markers:
        jobs = asked.jobs.get(marker.job, [])
        word = jobs[0].word if jobs else "not shown" if asked.complete else "not asked"
        tick.states[marker.account, word] += 1
        if jobs and all(job.phase == "running" for job in jobs):
            if at - marker.since > timedelta(seconds=Cadence().overdue_s):
                _tell_if_overdue(ledger, marker, at, tick)
        else:
            unsettled.append((marker, jobs))
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(lambda item: _settle(ledger, item[0], item[1], tick), unsettled))


def _settle(ledger: Ledger, marker: Marker, jobs: list[JobStatus], tick: Tick) -> None:
    """Write down what happened to one job, and whether its run has something to do."""
    try:
        run = ledger.run(marker.flow_run)
        if run is None:
            return
        job, change = write_down(ledger, run, jobs)
        story = story_of(ledger, run, job)
        tick.changes += [change] if change else []
        tick.stories += [story] if story else []
    except TuneloopError as error:
        # One record that cannot be read must not keep the others asleep.
        tick.problems.append(f"{marker.job}: {error}")


def _tell_if_overdue(ledger: Ledger, marker: Marker, at: datetime, tick: Tick) -> None:
    """Tell of a training once that takes unusually long."""
    if ledger.store.exists(f"overdue/{marker.job}"):
        return
    try:
        run = ledger.run(marker.flow_run)
    except RecordUnreadable as error:
        tick.problems.append(f"{marker.job}: {error}")
        return
    if run is not None and at - marker.since > timedelta(seconds=cadence_of(run).overdue_s):
        tick.overdue.append(run)


def told_overdue(ledger: Ledger, run: RunFile, job: str) -> None:
    """Remember that somebody was told. Only after telling: twice is better than never."""
    ledger.store.create(f"overdue/{job}", run.flow_run.encode())


def _note_unknown_words(ledger: Ledger, account: str, asked: Asked, tick: Tick) -> None:
    """Log a status word that is not documented, once."""
    ours = {job.word: job for jobs in asked.jobs.values() for job in jobs if not job.known}
    for word, job in ours.items():
        name = f"words/{account}/{digest_of(word)[:16]}.txt"
        if not ledger.store.exists(name):
            tick.notes.append(f"{job.name}: unknown status {word!r} counts as still running")
            ledger.store.create(name, word.encode())
