"""The recorded state of one training attempt."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar

from tuneloop.clock import now
from tuneloop.errors import LedgerError, RecordConflict
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import (
    UNPAID_FAILURES,
    Abandoned,
    AnyTrainingRecord,
    CancelRequest,
    Claimed,
    Failed,
    HasJobId,
    Held,
    HeldKind,
    Rejected,
    RunRecord,
    Submitted,
    Trained,
)
from tuneloop.schemas.training import JobStatus, Submission, job_name

_CLOCKS_APART = timedelta(minutes=5)
"""More than any two clocks of ours and the provider's may differ."""
FailureRecord = Failed | Rejected | Abandoned
NewRecord = TypeVar("NewRecord", bound=AnyTrainingRecord)


class TrainingLog:
    """One attempt at a training, as its records stood when they were read.

    Whatever was written since then makes `append` fail: `reread` it, and decide again.

    Raises:
        CorruptRecord: A record is missing or cannot be read.
    """

    def __init__(self, ledger: Ledger, key: str, attempt: int) -> None:
        self.ledger, self.key, self.attempt = ledger, key, attempt
        self.history = ledger.history(key)
        self._own = [record for record in self.history if record.attempt == attempt]
        before = [record for record in self.history if record.attempt < attempt]
        if len(before) < len(self.history) and not self._own:
            raise LedgerError(f"attempt {attempt} of training {key[:16]} was skipped")
        self.last = self._own[-1] if self._own else None
        self.previous = before[-1] if before and not self._own else None
        """The last record of the attempt before, where this one has none."""
        claims = [record for record in self._own if isinstance(record, Claimed)]
        self.first = claims[0] if claims else None
        self.claim = claims[-1] if claims else None
        self.known = next((record for record in reversed(self._own) if isinstance(record, HasJobId)), None)
        """Its last record that names a job."""
        self.had_ambiguous_submit = any(isinstance(r, Held) and r.kind == "uncertain" for r in self._own)
        self.submits = len(claims) - sum(_sent_nothing(*pair) for pair in pairwise(self._own))
        """How many of its claims may have been submitted."""
        jobs = {record.job_id: record for record in self.history if isinstance(record, HasJobId)}
        self.followed = followed_jobs(self.history)
        self.ended = {job_id: record.name for job_id, record in jobs.items() if job_id not in self.followed}
        """Jobs of all attempts that have failed or were given up unpaid: their names by id."""
        self._elsewhere = {job_id for job_id, record in jobs.items() if record.attempt != attempt}

    @classmethod
    def of(cls, ledger: Ledger, run: RunRecord) -> TrainingLog:
        """The attempt that a run works on."""
        return cls(ledger, run.key, run.attempt)

    def reread(self) -> TrainingLog:
        return TrainingLog(self.ledger, self.key, self.attempt)

    def append(self, record: NewRecord) -> NewRecord:
        """Write the record that comes after those that were read. This log stays as it was read.

        Raises `RecordConflict` where another writer was first, and `LedgerError` for a step that is not legal.
        """
        self.ledger.append(self.key, self.before, record)
        return record

    def append_failure(self, run: RunRecord, record: FailureRecord) -> None:
        """Write an unpaid end, after its job's name: see `Ledger.note_failure`. Raises as `append`."""
        self.ledger.note_failure(run, record.name)
        self.append(record)

    def append_cancelled(self, request: CancelRequest, why: str) -> Abandoned:
        """Write that a job has stopped as requested. Raises `RecordConflict` where the training has moved on."""
        reason = (
            f"run {request.flow_run} was cancelled by a person, and job {request.job_id} with it: {why}. The "
            "provider does not say what was billed by then, so all of it counts as paid"
        )
        end = Abandoned(**self.header(), reason=reason, paid=True, again=True, cancelled_run=request.flow_run)
        return self.append(end)

    def hold(self, kind: HeldKind, reason: str, *, sent: bool = True) -> Held:
        """Ask for a manual decision. Raises `RecordConflict` where the training has moved on."""
        return self.append(Held(**self.header(), reason=reason, kind=kind, sent=sent))

    def header(self) -> dict[str, Any]:
        return {"created_at": now(), "attempt": self.attempt, "name": self.name}

    @property
    def name(self) -> str:
        return job_name(self.key, self.attempt)

    @property
    def stem(self) -> str:
        """What the names of all attempts at this training begin with."""
        return self.key[:16]

    @property
    def before(self) -> AnyTrainingRecord | None:
        return self.last or self.previous

    @property
    def ended_unpaid(self) -> bool:
        """It has ended, and nothing is to be paid for it.

        After an ambiguous submit, the failure of the job that is followed says nothing about the other one.
        """
        return not self.had_ambiguous_submit and self.last is not None and is_revivable(self.last)

    @property
    def job_id(self) -> str | None:
        return self.known.job_id if self.known else None

    def submission(self, job_id: str) -> Submission:
        """A job of any attempt, with what its provider is given beside the id."""
        submitted = [record for record in reversed(self.history) if isinstance(record, Submitted)]
        named = [Submission.of(record) for record in submitted if record.job_id == job_id and record.handle]
        return named[0] if named else Submission(job_id=job_id)

    @property
    def since(self) -> datetime | None:
        """When its first job can have been made, by any clock; None where it was never claimed or followed."""
        return self.history[0].created_at - _CLOCKS_APART if self.history else None

    @property
    def job_ids(self) -> frozenset[str]:
        return frozenset(self.followed) | frozenset(self.ended)

    @property
    def not_before(self) -> datetime | None:
        """It must not be begun until then, see `Rejected.settled_after`."""
        return self.previous.settled_after if isinstance(self.previous, Rejected) else None

    def is_alive(self, job: JobStatus) -> bool:
        """Return True if a job is alive. After a failure, its age alone is no sign of that."""
        return job.phase != "failed" and not (job.by_age and job.job_id in self.ended)

    def is_evidence(self, job: JobStatus) -> bool:
        """Return True if a job of this attempt's name says anything about it.

        Not if another attempt's record names it, unless it is alive in spite of that one's failure.
        """
        if job.job_id not in self._elsewhere:
            return True
        return job.job_id not in self.followed and self.is_alive(job)


def _sent_nothing(record: AnyTrainingRecord, following: AnyTrainingRecord) -> bool:
    """Return True if the record that follows a claim says that its submit was held back."""
    held_back = isinstance(following, Held) and (following.kind in {"budget", "attempts"} or not following.sent)
    return isinstance(record, Claimed) and held_back


def is_revivable(record: AnyTrainingRecord) -> bool:
    """Return True if a record is an end without a bill, which may be wrong: its job may live on all the same."""
    return record.state in UNPAID_FAILURES or (isinstance(record, Abandoned) and not record.paid)


def followed_jobs(history: list[AnyTrainingRecord]) -> dict[str, str]:
    """A training's jobs that are followed, collected, or given up although they are paid: their names by id."""
    ends = {record.attempt: record for record in history}
    return {
        record.job_id: record.name
        for record in history
        if isinstance(record, HasJobId) and not is_revivable(ends[record.attempt])
    }


def record_progress(ledger: Ledger, run: RunRecord, status: JobStatus) -> AnyTrainingRecord | None:
    """Record that a submitted job has ended, where `status` says so. Returns the attempt's last record then."""
    log = TrainingLog.of(ledger, run)
    last = log.last
    if not isinstance(last, Submitted) or status.phase == "running":
        return last
    # Under the name that the job has at the provider, which may be the one of an earlier attempt.
    fields = {**log.header(), "name": last.name, "job_id": last.job_id, "provider_status": status.provider_status}
    try:
        if status.phase != "failed":
            return log.append(Trained(**fields))
        if (request := ledger.cancel_request(log.name)) is not None:
            return log.append_cancelled(request, f"it is {status.provider_status} now")
        why = status.error_message or "the provider gives no reason"
        if status.billed:
            why = f"job {last.job_id} is {status.provider_status}, and its provider bills it: {why}"
            return log.append(Abandoned(**log.header(), reason=why, paid=True, again=True, billed=True))
        failed = Failed(**fields, reason=why)
        log.append_failure(run, failed)
    except RecordConflict:
        return log.reread().last
    return failed
