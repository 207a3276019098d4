"""Resolve an ambiguous submit: find the job by name, wait out the margins, or ask for a manual decision."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import Literal

from tuneloop.clock import now
from tuneloop.errors import DuplicateJob, LedgerError, ObjectNotFound, RecordConflict
from tuneloop.ledger.ledger import FailedJob, Ledger
from tuneloop.ledger.training import TrainingLog, followed_jobs, is_revivable
from tuneloop.providers.base import Provider
from tuneloop.schemas.records import Claimed, HasJobId, Held, Submitted, Trained
from tuneloop.schemas.spending import DuplicateJobRecord
from tuneloop.schemas.training import JobStatus, Submission, job_name

FoundBy = Literal["answer", "list", "person"]


def find_submitted(provider: Provider, training: TrainingLog) -> Submitted | Held | None:
    """Find a claimed or held training by its name, and record it. None where the list shows no such job.

    Presence counts at once, also of a job whose row cannot be read (that is held); absence is for `why_not_again`.
    """
    training = training.reread()
    last = training.last
    if isinstance(last, Submitted):
        return last
    if not isinstance(last, Claimed | Held) or training.job_id is not None:
        return None
    shown = provider.find(training.stem, training.since).recorded_as(training.job_ids)
    # Of several the ledger follows one that lives.
    named = sorted(filter(training.is_evidence, shown.named(training.name)), key=lambda job: job.phase == "failed")
    if not named:
        why = shown.unreadable.get(training.name)
        if why is None or not isinstance(last, Claimed):
            return None
        return training.hold(
            "uncertain", f"the provider's list has a job named {training.name} that cannot be read: {why}"
        )
    followed = Submission.of(named[0])
    record = record_job_id(training, followed, "list")
    for other in dict.fromkeys(job.job_id for job in named):
        record_duplicate_job(training.ledger, training.name, other, followed.job_id)
    return record


def record_job_id(training: TrainingLog, job: Submission, found_by: FoundBy) -> Submitted:
    """Record the job's id over a claim, a hold or a failure, whoever has written that.

    A lost job that shows up again goes on; one whose weights are lost waits for the manual decision. After a bad
    end the caller marks the run again.

    Raises:
        DuplicateJob: The ledger follows another job of this name; both are recorded.
        LedgerError: The training has come to another end meanwhile.
    """
    job_id = job.job_id
    while True:
        last = training.last
        record = submitted_record(training.attempt, training.name, job, found_by)
        lost = isinstance(last, Held) and isinstance(training.known, Submitted)
        if training.job_id == job_id and not lost:
            return last if isinstance(last, Submitted) else record
        if training.job_id not in {None, job_id}:
            record_duplicate_job(training.ledger, training.name, job_id, training.job_id)
            raise DuplicateJob(
                f"the provider has accepted two jobs named {training.name}: {training.job_id}, which is followed, "
                f"and {job_id}; check both in its console and cancel the second"
            )
        if not _takes_an_id(training):
            raise LedgerError(
                f"job {job_id} was accepted for {training.name}, but the ledger has "
                f"{last.state if last else 'nothing'}: check it in the provider's console"
            )
        try:
            return training.append(record)
        except RecordConflict:
            training = training.reread()


def _takes_an_id(training: TrainingLog) -> bool:
    last = training.last
    if last is None or not is_revivable(last):
        return isinstance(last, Claimed | Held)
    # Where the next attempt has begun, the sensor sees to it: see `revive`.
    newest = training.ledger.last(training.key)
    return newest is not None and newest.attempt == training.attempt


def revive(ledger: Ledger, end: FailedJob, job: JobStatus) -> Submitted | DuplicateJobRecord | None:
    """Follow a listed job that lives on although the ledger has it as failed, rejected or abandoned unpaid.

    Its training's newest attempt takes it up, whichever attempt it was made for, so that nothing is paid for this
    key meanwhile; its run is marked again, and the sensor resumes it. Where the newest attempt has a job of its
    own, this one is a duplicate. It may be repeated and may die anywhere: whoever reads `Ledger.failed_jobs` next
    comes here again.

    Returns:
        What was written. None where everything is known already.
    """
    history = ledger.history(end.key)
    if not history:
        return None
    job = job.recorded_as({known.job_id for known in history if isinstance(known, HasJobId)})
    last = history[-1]
    record: Submitted | DuplicateJobRecord | None = None
    if job.job_id not in followed_jobs(history):
        if is_revivable(last) or (isinstance(last, Held) and last.kind != "lost"):
            record = submitted_record(last.attempt, job.name, job)
            try:
                ledger.append(end.key, last, record)
            except RecordConflict:
                return None
            last = record
        elif isinstance(last, HasJobId):
            return record_duplicate_job(ledger, job.name, job.job_id, last.job_id)
    if isinstance(last, Submitted | Trained) and last.job_id == job.job_id:
        # An attempt that has not failed has its marker still.
        with suppress(ObjectNotFound):
            run = ledger.run_of(FailedJob(end.account, job_name(end.key, last.attempt), end.key))
            if run is not None:
                ledger.mark(run)
    return record


def record_duplicate_job(ledger: Ledger, name: str, job_id: str, followed: str) -> DuplicateJobRecord | None:
    """Record a job that should not exist, for `tuneloop status`. None where it was recorded before."""
    if job_id == followed:
        return None
    payment = DuplicateJobRecord(created_at=now(), name=name, job_id=job_id, followed=followed)
    digest = hashlib.sha256(job_id.encode()).hexdigest()[:16]
    return payment if ledger.create_record(f"duplicate-jobs/{name}-{digest}.json", payment) else None


def submitted_record(
    attempt: int, name: str, job: JobStatus | Submission, found_by: FoundBy = "list"
) -> Submitted:
    """The record of a job, under the name that it has at the provider."""
    return Submitted(
        created_at=now(), attempt=attempt, name=name, job_id=job.job_id, handle=job.handle, found_by=found_by
    )
