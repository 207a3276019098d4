"""One look at every training in flight: a list call per account, whatever the number of jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from tuneloop.clock import now
from tuneloop.errors import NotAtProvider, ProviderUnavailable, RecordUnreadable, TuneloopError
from tuneloop.ledger import Ledger, Marker
from tuneloop.providers.provider import Provider
from tuneloop.submission import read_training, record_found, record_progress
from tuneloop.values.records import NEXT_STATES, Claimed, Collected, RunFile
from tuneloop.values.training import JobStatus


@dataclass
class Tick:
    """What one look found.

    Attributes:
        in_flight: Markers that were seen.
        awake: Flow runs whose training has moved on: they are to be woken.
        notes: Sentences worth a log line.
        problems: What a person has to mend; everything else was looked at all the same.
    """

    in_flight: int = 0
    awake: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def look_at_all(ledger: Ledger, open_provider: Callable[[str], Provider]) -> Tick:
    """Ask each account once, write down what has ended, and name the runs to wake.

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
            job = jobs.get(marker.job)
            if job is not None and not job.known:
                tick.notes.append(f"{job.name}: unknown status {job.word!r} counts as still running")
            if job is None or job.phase != "running":
                _settle_marker(ledger, marker, job, tick)
        tick.notes.append(f"{account}: asked about {len(markers)} in flight at {started:%H:%M:%S} UTC")
    return tick


def _ask(ledger: Ledger, provider: Provider, markers: list[Marker]) -> dict[str, JobStatus]:
    """Ask one account: by one list call where the list carries status, else for each job by itself.

    Returns:
        Jobs by the name that we gave them.
    """
    if provider.capabilities.list_carries_status:
        return {job.name: job for job in provider.jobs()}
    found = {}
    for marker in markers:
        if marker.job not in found and (job := _ask_for(ledger, provider, marker)) is not None:
            found[marker.job] = job
    return found


def _ask_for(ledger: Ledger, provider: Provider, marker: Marker) -> JobStatus | None:
    """Ask for one job, by its id where that is known, else by its name."""
    try:
        run = ledger.run(marker.flow_run)
        if run is None:
            return None
        training = read_training(ledger, run.key, run.generation)
    except RecordUnreadable:
        return None  # it is named where the marker is settled
    if training.job_id is not None:
        try:
            return provider.status(training.job_id)
        except NotAtProvider:
            return None  # no evidence of anything
    if isinstance(training.last, Claimed):
        return next(iter(provider.find(marker.job)), None)
    return None


def _settle_marker(ledger: Ledger, marker: Marker, job: JobStatus | None, tick: Tick) -> None:
    """Write down what happened to one job, and wake its run if that concerns it."""
    try:
        run = ledger.run(marker.flow_run)
        if run is None:
            return
        if job is not None:
            claim = read_training(ledger, run.key, run.generation).last
            if isinstance(claim, Claimed):
                record_found(ledger, run.key, claim, job.job_id)
            record_progress(ledger, run.key, run.generation, job)
        if _concerns(ledger, run, job):
            tick.awake.append(marker.flow_run)
    except TuneloopError as error:
        # One record that cannot be read must not keep the others asleep.
        tick.problems.append(f"{marker.job}: {error}")


def _concerns(ledger: Ledger, run: RunFile, job: JobStatus | None) -> bool:
    """Tell whether a run has something to do now."""
    last = read_training(ledger, run.key, run.generation).last
    if last is None:
        return False
    if isinstance(last, Claimed):
        return now() > last.take_over_after
    if isinstance(last, Collected):
        return job is not None and job.phase == "ready"
    return last.state == "trained" or not NEXT_STATES[last.state]
