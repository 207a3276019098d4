"""What a query of one job means for the ledger and for the run that waits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from tuneloop.clock import now
from tuneloop.errors import RecordConflict
from tuneloop.ledger.attempts import may_begin
from tuneloop.ledger.collection import next_try
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.reconciliation import record_duplicate_job, record_job_id
from tuneloop.ledger.training import TrainingLog, record_progress
from tuneloop.registry.promotions import Registry
from tuneloop.schemas.records import Abandoned, AnyTrainingRecord, Claimed, Collected, Held, RunRecord, Trained
from tuneloop.schemas.training import JobStatus, Submission, job_name

NEVER_CLAIMED_AFTER = timedelta(hours=24)
"""A marker whose run has claimed nothing for so long was left by a starter that died."""

DEPLOYED_AFTER = timedelta(days=1)
"""A model that its provider does not render so long after its weights were collected is waited for no longer."""


@dataclass(frozen=True)
class PendingRun:
    """A run that has something to do."""

    run: RunRecord
    records: int
    """How many records its training has: with each one the counting of tries begins anew."""
    awaits_review: bool = False
    """A manual decision is required. Whoever is suspended for that stays so."""
    ended: bool = False
    """Nothing is left to do but to delete its marker."""
    asking_run: str | None = None
    """The run that asks for it, where one does."""
    submitting: bool = False
    """It has begun to submit: nothing is to be done but to see that it does not stand still."""
    early: bool = False
    """What it submits, or finds out, is not to be done yet."""

    @property
    def work(self) -> str:
        """What has to be done, see `work_of`."""
        return work_of(self.run)


@dataclass(frozen=True)
class Transition:
    """A record that was written because of what the provider shows."""

    run: RunRecord
    """One of the runs that wait for the training."""
    record: AnyTrainingRecord
    job: JobStatus | None
    """What the provider showed; None where it showed nothing for too long."""


def work_of(run: RunRecord) -> str:
    """What a run wants, in one word for paths: all runs of a model's training and plan want the same.

    All candidates of a comparison are one work: another run continues the whole of it.
    """
    if run.comparison is not None:
        return f"{run.model}/{run.comparison}/{run.flow_run}"
    return f"{run.model}/{job_name(run.key, run.attempt)}/{run.plan.digest[:16]}"


def record_transitions(
    ledger: Ledger, run: RunRecord, jobs: list[JobStatus]
) -> tuple[JobStatus | None, Transition | None]:
    """Record what the provider shows of a training: every job of its name, none where none was queried or shown.

    Returns the job that the ledger follows, and what was written last.
    """
    if not jobs:
        return None, None
    training = TrainingLog.of(ledger, run)
    jobs = [job for job in jobs if training.is_evidence(job)]
    if not jobs:
        return None, None
    before = training.last
    # Once its id is known, another job of this name tells nothing about the one that is followed.
    followed = training.job_id or min(jobs, key=lambda job: job.phase == "failed").job_id
    for other in {job.job_id for job in jobs} - {followed}:
        record_duplicate_job(ledger, training.name, other, followed)
    job = next((job for job in jobs if job.job_id == followed), None)
    if job is None:
        return None, None
    # A lost job is there again only when it says something that is known.
    if isinstance(before, Claimed) or (isinstance(before, Held) and (before.kind != "lost" or job.known)):
        before = record_job_id(training, Submission(job_id=followed, handle=job.handle), "list")
    after = record_progress(ledger, run, job)
    changed = after not in (before, training.last)
    return job, Transition(run, after, job) if after is not None and changed else None


def pending_run(ledger: Ledger, run: RunRecord, job: JobStatus | None) -> PendingRun | None:
    """What a run has to do now, None for nothing. `job` is None where none was queried or shown."""
    training = TrainingLog.of(ledger, run)
    if training.last is None:
        pending = _before_its_claim(ledger, run, training)
        if pending is not None:
            return pending
        training = training.reread()
    last, pending, registry = training.last, PendingRun(run, len(training.history)), Registry(ledger)
    if registry.is_run_finished(run, last):
        return replace(pending, ended=True)
    if _waits_for_the_provider(ledger, last, job):
        return replace(pending, submitting=True, early=True) if isinstance(last, Claimed) else None
    if isinstance(last, Held):
        return replace(pending, awaits_review=True, asking_run=_asking_run(ledger, run, training))
    question = registry.pending_review(run) if isinstance(last, Collected) else None
    if question is None:
        return pending
    # Whoever else waits may be resumed and see.
    return replace(pending, awaits_review=registry.owns_review(run, question), asking_run=question.flow_run)


def _asking_run(ledger: Ledger, run: RunRecord, training: TrainingLog) -> str | None:
    """The run that asks about a training on hold: the one that has claimed it, unless it leaves that to others."""
    asking = training.claim.flow_run if training.claim else None
    if asking in {None, run.flow_run} or ledger.is_marked(run.model_copy(update={"flow_run": asking})):
        return asking
    return None


def _waits_for_the_provider(ledger: Ledger, last: AnyTrainingRecord | None, job: JobStatus | None) -> bool:
    """Return True if there is nothing to do before the provider has moved on."""
    if last is None or last.state == "submitted":
        return True
    if isinstance(last, Claimed):
        return now() <= last.take_over_after
    if isinstance(last, Trained):
        return now() < next_try(ledger, last)
    if isinstance(last, Collected) and (job is None or job.phase != "ready"):
        # After that a run does not wait any longer, and says so.
        return now() - last.created_at <= DEPLOYED_AFTER
    return False


def _before_its_claim(ledger: Ledger, run: RunRecord, training: TrainingLog) -> PendingRun | None:
    """What a run that has claimed nothing yet has to do; None where it is closed now.

    One that was marked long ago is closed by a record, so that a starter that stands still cannot claim any more.
    Where the attempt before has come to life it cannot anyway, and a record would hide the bill.
    """
    early = training.not_before is not None and now() <= training.not_before
    # What a person has asked for is half done once another candidate of the comparison is begun.
    submitting = early or not _has_begun_others(ledger, run)
    begun = PendingRun(run, len(training.history), submitting=submitting, early=early)
    if now() - run.created_at < NEVER_CLAIMED_AFTER:
        return begun
    if training.previous is not None and not may_begin(ledger, run):
        return replace(begun, ended=True, submitting=False)
    reason = f"never claimed: its run {run.flow_run} has done nothing for a day"
    try:
        training.append_failure(run, Abandoned(**training.header(), reason=reason, paid=False))
    except RecordConflict:
        return begun
    return None


def _has_begun_others(ledger: Ledger, run: RunRecord) -> bool:
    """Return True if another candidate of a run's comparison has records."""
    compared = ledger.comparison(run.flow_run) if run.comparison is not None else None
    return compared is not None and any(TrainingLog.of(ledger, each).last is not None for each in compared.runs)
