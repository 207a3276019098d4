"""One look at every training in flight: a list call per account, whatever the number of jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from tuneloop.clock import now
from tuneloop.doubt import record_double, record_id
from tuneloop.errors import NotAtProvider, ProviderUnavailable, RecordTaken, RecordUnreadable, TuneloopError
from tuneloop.ledger import Ledger, Marker
from tuneloop.promotion import story_has_ended
from tuneloop.providers.provider import Provider
from tuneloop.training_state import Training, read_training, record_progress
from tuneloop.values.records import Abandoned, Claimed, Collected, Held, RunFile
from tuneloop.values.training import JobStatus

NEVER_CLAIMED_AFTER = timedelta(hours=24)
"""A marker whose run has claimed nothing for so long was left by a starter that died."""


@dataclass(frozen=True)
class Story:
    """A run that has something to do.

    Attributes:
        run: What it works on.
        records: How many records its training has: part of what tells one salvage from another.
        asks: A person is asked. Whoever sleeps over that is left asleep.
        ended: Nothing is left to do but to take its marker away.
    """

    run: RunFile
    records: int
    asks: bool
    ended: bool


@dataclass
class Tick:
    """What one look found.

    Attributes:
        in_flight: Markers that were seen.
        stories: Runs that have something to do, be it only to end.
        notes: Sentences worth a log line.
        problems: What a person has to mend; everything else was looked at all the same.
    """

    in_flight: int = 0
    stories: list[Story] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def look_at_all(ledger: Ledger, open_provider: Callable[[str], Provider]) -> Tick:
    """Ask each account once, write down what has ended, and name the runs that have something to do.

    Has no memory and may die anywhere: the next look finds the same again. Two at once do no harm.

    Args:
        ledger: The ledger of one store.
        open_provider: Opens a credentials block by its slug.
    """
    tick = Tick()
    by_account: dict[str, list[Marker]] = defaultdict(list)
    for marker in ledger.markers():
        by_account[marker.account].append(marker)
        tick.in_flight += 1
    for account, markers in by_account.items():
        try:
            run = next(filter(None, (ledger.run(marker.flow_run) for marker in markers)), None)
            if run is None:
                tick.notes.append(f"{account}: {len(markers)} markers without a run file are left alone")
                continue
            provider = open_provider(run.credentials)
            started = now()
            jobs = _ask(ledger, provider, markers)
        except ProviderUnavailable as error:
            tick.notes.append(f"{account}: not reached, the next tick asks again: {error}")
            continue
        except TuneloopError as error:
            tick.problems.append(f"{account}: {error}")
            continue
        for marker in markers:
            _look_at_one(ledger, marker, jobs.get(marker.job, []), tick)
        tick.notes.append(f"{account}: asked about {len(markers)} in flight at {started:%H:%M:%S} UTC")
    return tick


def _ask(ledger: Ledger, provider: Provider, markers: list[Marker]) -> dict[str, list[JobStatus]]:
    """Ask one account: by one list call where the list carries status, else for each job by itself.

    Returns:
        Jobs by the name that we gave them; more than one of a name should not be.
    """
    found: dict[str, list[JobStatus]] = defaultdict(list)
    if provider.capabilities.list_carries_status:
        for job in provider.jobs():
            found[job.name].append(job)
        return found
    for marker in markers:
        if marker.job not in found:
            found[marker.job] = _ask_for(ledger, provider, marker)
    return found


def _ask_for(ledger: Ledger, provider: Provider, marker: Marker) -> list[JobStatus]:
    """Ask for one job, by its id where that is known, else by its name."""
    try:
        run = ledger.run(marker.flow_run)
        if run is None:
            return []
        training = read_training(ledger, run.key, run.generation)
    except RecordUnreadable:
        return []  # it is named where the marker is settled
    if training.job_id is not None:
        try:
            return [provider.status(training.job_id)]
        except NotAtProvider:
            return []  # no evidence of anything
    if isinstance(training.last, Claimed | Held):
        return provider.find(marker.job)
    return []


def _look_at_one(ledger: Ledger, marker: Marker, jobs: list[JobStatus], tick: Tick) -> None:
    """Write down what happened to one job, and whether its run has something to do."""
    for job in jobs:
        if not job.known:
            tick.notes.append(f"{job.name}: unknown status {job.word!r} counts as still running")
    if jobs and all(job.phase == "running" for job in jobs):
        return
    try:
        run = ledger.run(marker.flow_run)
        if run is not None:
            story = _story(ledger, run, _write_down(ledger, run, jobs))
            tick.stories += [story] if story else []
    except TuneloopError as error:
        # One record that cannot be read must not keep the others asleep.
        tick.problems.append(f"{marker.job}: {error}")


def _write_down(ledger: Ledger, run: RunFile, jobs: list[JobStatus]) -> JobStatus | None:
    """Bring the ledger up to what the provider shows.

    Returns:
        The job that the ledger follows.
    """
    if not jobs:
        return None
    training = read_training(ledger, run.key, run.generation)
    job = next((job for job in jobs if job.job_id == training.job_id), jobs[0])
    if isinstance(training.last, Claimed | Held):
        record_id(ledger, training, job.job_id, "list")
    for other in jobs:
        if other is not job:
            record_double(ledger, training.name, other.job_id, job.job_id)
    record_progress(ledger, run.key, run.generation, job)
    return job


def _story(ledger: Ledger, run: RunFile, job: JobStatus | None) -> Story | None:
    """Tell what a run has to do now, None for nothing."""
    training = read_training(ledger, run.key, run.generation)
    last = training.last
    if last is None:
        if not _fenced(ledger, run, training):
            return None
        training = read_training(ledger, run.key, run.generation)
    ended = story_has_ended(ledger, run, training.last)
    if not ended:
        if last is None or last.state == "submitted":
            return None
        if isinstance(last, Claimed) and now() <= last.take_over_after:
            return None
        if isinstance(last, Collected) and (job is None or job.phase != "ready"):
            return None
    return Story(run, training.records, asks=isinstance(last, Held), ended=ended)


def _fenced(ledger: Ledger, run: RunFile, training: Training) -> bool:
    """Close a training that was marked long ago and never claimed, so that a starter that stands still cannot.

    Returns:
        Whether it is closed now, by whomever.
    """
    if now() - run.at < NEVER_CLAIMED_AFTER:
        return False
    record = Abandoned(
        at=now(),
        generation=run.generation,
        name=training.name,
        reason=f"never claimed: its run {run.flow_run} has done nothing for a day",
        paid=False,
    )
    try:
        ledger.append(run.key, training.previous, record)
    except RecordTaken:
        return False
    return True
