"""The look before every claim: a job of this training that is there already is followed, never paid again."""

from __future__ import annotations

from contextlib import suppress

from tuneloop.clock import now
from tuneloop.errors import ClockWrong, NotFoundAtProvider
from tuneloop.ledger.reconciliation import found, record_duplicate_job
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.base import Provider
from tuneloop.schemas.records import Submitted
from tuneloop.schemas.training import JobList, JobStatus, Phase

CLOCK_TOLERANCE_S = 30.0
"""How far two clocks may be apart; the margins of a submit leave room for a minute."""
_PROGRESS: dict[Phase, int] = {"ready": 3, "trained": 2, "running": 1, "failed": 0}


def with_ended_ones(provider: Provider, training: TrainingLog, shown: JobList) -> JobList:
    """Ask by their ids for jobs that have come to a bad end and are not in the list, which may lag behind."""
    found = []
    for job_id, name in training.ended.items():
        if job_id not in {job.job_id for job in shown.jobs}:
            with suppress(NotFoundAtProvider):
                status = provider.status(job_id).recorded_as({job_id})
                found.append(status.model_copy(update={"name": name}))
    return shown.model_copy(update={"jobs": (*shown.jobs, *found)})


def follow_earlier_job(training: TrainingLog, shown: JobList) -> Submitted | None:
    """Follow a job that was made for this training and that nobody follows, in place of paying for another one.

    It was submitted from a store that is lost or from another one, or lives on after a bad end. Of several, the
    one of the highest attempt is followed, and the others are recorded as duplicates. Where none lives, one that
    failed under the attempt's own name is written down too: a second job of that name could be taken for it.

    Args:
        training: Where the attempt stands that is to be submitted.
        shown: The provider's jobs of the training, all attempts.

    Returns:
        The record, None where there is no such job.

    Raises:
        RecordConflict: The training has moved on: read the ledger again.
    """
    jobs = sorted(_unfollowed(training, shown), key=_how_far, reverse=True)
    if not jobs:
        return None
    record = training.append(found(training.attempt, jobs[0]))
    for other in jobs[1:]:
        record_duplicate_job(training.ledger, other.name, other.job_id, record.job_id)
    return record


def unreadable_job(training: TrainingLog, shown: JobList) -> str | None:
    """Say which job of this training is there and cannot be read, None where there is none that nobody follows."""
    known = set(training.followed.values())
    for name, why in sorted(shown.unreadable.items()):
        if name.rpartition("-g")[0] == training.stem and name not in known:
            return f"the provider's list has a job named {name} that cannot be read: {why}"
    return None


def check_clock(provider: Provider) -> None:
    """Refuse to claim by a clock that is not the provider's: others conclude from the claim's times.

    Raises:
        ClockWrong: They are too far apart.
    """
    offset = provider.clock_offset_s
    if offset is not None and abs(offset) > CLOCK_TOLERANCE_S:
        way = "behind" if offset > 0 else "ahead of"
        raise ClockWrong(
            f"this host's clock ({now():%Y-%m-%d %H:%M:%S} UTC) is {abs(offset):.0f} s {way} the clock of "
            f"{provider.name}: nothing was claimed or paid. Set the clock (for example by NTP) and run again"
        )


def _unfollowed(training: TrainingLog, shown: JobList) -> list[JobStatus]:
    by_id = {job.job_id: job for job in shown.jobs if job.job_id not in training.followed}
    alive = [job for job in by_id.values() if training.lives(job)]
    unknown = by_id.keys() - training.ended.keys()
    return alive or [job for job in shown.named(training.name) if job.job_id in unknown][:1]


def _how_far(job: JobStatus) -> tuple[int, int]:
    attempt = job.name.rpartition("-g")[2]
    return (int(attempt) if attempt.isdecimal() else 0, _PROGRESS[job.phase])
