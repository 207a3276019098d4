"""What a look at one job means for the ledger and for the run that waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tuneloop.clock import now
from tuneloop.doubt import record_double, record_id
from tuneloop.errors import RecordTaken
from tuneloop.ledger import Ledger
from tuneloop.promotion import is_the_asker, open_question, story_has_ended
from tuneloop.training_state import Training, read_training, record_bad_end, record_progress
from tuneloop.uncollected import next_try
from tuneloop.values.records import Abandoned, AnyTrainingRecord, Claimed, Collected, Held, RunFile, Trained
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


@dataclass(frozen=True)
class Change:
    """A record that was written because of what the provider shows.

    Attributes:
        run: One of the runs that wait for the training.
        record: The record.
        job: What the provider showed.
    """

    run: RunFile
    record: AnyTrainingRecord
    job: JobStatus


def write_down(ledger: Ledger, run: RunFile, jobs: list[JobStatus]) -> tuple[JobStatus | None, Change | None]:
    """Bring the ledger up to what the provider shows.

    Args:
        ledger: The ledger.
        run: A run that waits for the training.
        jobs: Every job of the training's name; none where nobody has asked or the provider shows none.

    Returns:
        The job that the ledger follows, and what was written last.
    """
    if not jobs:
        return None, None
    training = read_training(ledger, run.key, run.generation)
    job = next((job for job in jobs if job.job_id == training.job_id), jobs[0])
    before = training.last
    if isinstance(before, Claimed | Held):
        before = record_id(ledger, training, job.job_id, "list")
    for other in jobs:
        if other is not job:
            record_double(ledger, training.name, other.job_id, job.job_id)
    after = record_progress(ledger, run, job)
    changed = after not in (before, training.last)
    return job, Change(run, after, job) if after is not None and changed else None


def story_of(ledger: Ledger, run: RunFile, job: JobStatus | None) -> Story | None:
    """Tell what a run has to do now, None for nothing.

    Args:
        ledger: The ledger.
        run: What the run works on.
        job: What the provider shows; None where nobody has asked or it shows nothing.
    """
    training = read_training(ledger, run.key, run.generation)
    if training.last is None:
        if not _fenced(ledger, run, training):
            return None
        training = read_training(ledger, run.key, run.generation)
    last = training.last
    ended = story_has_ended(ledger, run, last)
    if not ended:
        if last is None or last.state == "submitted":
            return None
        if isinstance(last, Claimed) and now() <= last.take_over_after:
            return None
        if isinstance(last, Trained) and now() < next_try(ledger, last):
            return None
        if isinstance(last, Collected) and (job is None or job.phase != "ready"):
            return None
    asks = isinstance(last, Held) or (not ended and isinstance(last, Collected) and _is_asked(ledger, run))
    return Story(run, training.records, asks=asks, ended=ended)


def _is_asked(ledger: Ledger, run: RunFile) -> bool:
    """Tell whether a person is asked by this very run: whoever else waits may be woken and see."""
    question = open_question(ledger, run)
    return question is not None and is_the_asker(ledger, run, question)


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
        record_bad_end(ledger, run, training.previous, record)
    except RecordTaken:
        return False
    return True
