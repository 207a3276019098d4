"""Where one attempt of a training stands, as the ledger has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from tuneloop.clock import now
from tuneloop.errors import LedgerError, RecordConflict
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import (
    UNPAID_FAILURES,
    Abandoned,
    AnyTrainingRecord,
    Claimed,
    Collected,
    Failed,
    HasJobId,
    Held,
    Rejected,
    RunRecord,
    Submitted,
    Trained,
)
from tuneloop.schemas.training import JobStatus, job_name

BadEndRecord = Failed | Rejected | Abandoned


@dataclass(frozen=True)
class Training:
    """One attempt of one training.

    Attributes:
        key: Training key.
        attempt: Which attempt.
        last: Its last record; None where nothing is claimed yet.
        previous: The last record of the attempt before, where `last` is None.
        first: Its first claim, None where there is none yet.
        claim: Its last claim.
        known: Its last record that names a job, None where none does.
        doubted: It was held once because nobody could tell whether its submit was accepted.
        doubts: How many of its claims may have been submitted.
        followed: The training's jobs that are followed, of all attempts; see `followed_jobs`.
        ended: Its other jobs that records name: those that have come to a bad end.
        elsewhere: Ids of the jobs that records of other attempts name.
        records: How many records the training has, of all attempts.
    """

    key: str
    attempt: int
    last: AnyTrainingRecord | None
    previous: AnyTrainingRecord | None
    first: Claimed | None = None
    claim: Claimed | None = None
    known: Submitted | Trained | Collected | Failed | None = None
    doubted: bool = False
    doubts: int = 0
    followed: Mapping[str, str] = field(default_factory=dict)
    ended: Mapping[str, str] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()
    records: int = 0

    @property
    def name(self) -> str:
        """The job's name at the provider."""
        return job_name(self.key, self.attempt)

    @property
    def stem(self) -> str:
        """What the names of all attempts at this training begin with."""
        return self.key[:16]

    @property
    def before(self) -> AnyTrainingRecord | None:
        """The record after which its next one comes, None where there is none at all."""
        return self.last or self.previous

    @property
    def ended_unpaid(self) -> bool:
        """It has come to its end, and nothing is to be paid for it.

        Where its submit was once in doubt, a bad end of the job that is followed says nothing about the other one.
        """
        return not self.doubted and self.last is not None and is_revivable(self.last)

    @property
    def job_id(self) -> str | None:
        """The provider's id of the job, once it is known."""
        return self.known.job_id if self.known else None

    @property
    def job_ids(self) -> frozenset[str]:
        """Ids of the jobs of all its attempts, as they are recorded."""
        return frozenset(self.followed) | frozenset(self.ended)

    @property
    def not_before(self) -> datetime | None:
        """It must not be begun until then, see `Rejected.settled_after`; None where it may be."""
        return self.previous.settled_after if isinstance(self.previous, Rejected) else None

    def lives(self, job: JobStatus) -> bool:
        """Tell whether a job lives. That one has grown old is no sign of that once it has come to a bad end."""
        return job.phase != "failed" and not (job.by_age and job.job_id in self.ended)

    def is_evidence(self, job: JobStatus) -> bool:
        """Tell whether a job of this attempt's name says anything about it.

        Not if another attempt's record names it, unless it lives on after that one's bad end.
        """
        if job.job_id not in self.elsewhere:
            return True
        return job.job_id not in self.followed and self.lives(job)


def read_training(ledger: Ledger, key: str, attempt: int) -> Training:
    """Read where one attempt stands."""
    history = ledger.history(key)
    own = [record for record in history if record.attempt == attempt]
    before = [record for record in history if record.attempt < attempt]
    if any(record.attempt > attempt for record in history) and not own:
        raise LedgerError(f"attempt {attempt} of training {key[:16]} was skipped")
    last = own[-1] if own else None
    previous = before[-1] if before and not own else None
    claims = [record for record in own if isinstance(record, Claimed)]
    jobs = {record.job_id: record for record in history if isinstance(record, HasJobId)}
    followed = followed_jobs(history)
    return Training(
        key=key,
        attempt=attempt,
        last=last,
        previous=previous,
        first=claims[0] if claims else None,
        claim=claims[-1] if claims else None,
        known=next((record for record in reversed(own) if isinstance(record, HasJobId)), None),
        doubted=any(isinstance(record, Held) and record.kind == "uncertain" for record in own),
        doubts=len(claims) - sum(_sent_nothing(*pair) for pair in pairwise(own)),
        followed=followed,
        ended={job_id: record.name for job_id, record in jobs.items() if job_id not in followed},
        elsewhere=frozenset(job_id for job_id, record in jobs.items() if record.attempt != attempt),
        records=len(history),
    )


def _sent_nothing(record: AnyTrainingRecord, following: AnyTrainingRecord) -> bool:
    """Tell by the record that follows a claim whether its submit was held back."""
    held_back = isinstance(following, Held) and (following.kind in {"budget", "attempts"} or not following.sent)
    return isinstance(record, Claimed) and held_back


def is_revivable(record: AnyTrainingRecord) -> bool:
    """Tell whether a record is an end without a bill, which may be wrong: its job may live on all the same."""
    return record.state in UNPAID_FAILURES or (isinstance(record, Abandoned) and not record.paid)


def followed_jobs(history: list[AnyTrainingRecord]) -> dict[str, str]:
    """A training's jobs that are followed, collected, or given up although they are paid: their names by id."""
    ends = {record.attempt: record for record in history}
    return {
        record.job_id: record.name
        for record in history
        if isinstance(record, HasJobId) and not is_revivable(ends[record.attempt])
    }


def record_bad_end(ledger: Ledger, run: RunRecord, after: AnyTrainingRecord | None, record: BadEndRecord) -> None:
    """Write down that an attempt has come to a bad end, after its job's name: see `Ledger.note_bad_end`.

    Raises:
        RecordConflict: As `Ledger.append`.
    """
    ledger.note_bad_end(run, record.name)
    ledger.append(run.key, after, record)


def record_progress(ledger: Ledger, run: RunRecord, status: JobStatus) -> AnyTrainingRecord | None:
    """Write down that a submitted job has ended, where it has.

    Args:
        ledger: The ledger.
        run: A run of the attempt.
        status: What the provider says about its job.

    Returns:
        The training's last record after that.
    """
    last = read_training(ledger, run.key, run.attempt).last
    if not isinstance(last, Submitted) or status.phase == "running":
        return last
    record: Trained | Failed
    base = {
        "created_at": now(),
        "attempt": run.attempt,
        "name": last.name,
        "job_id": last.job_id,
        "word": status.word,
    }
    try:
        if status.phase == "failed":
            reason = status.error_message or "the provider gives no reason"
            record = Failed.model_validate({**base, "reason": reason})
            record_bad_end(ledger, run, last, record)
        else:
            record = Trained.model_validate(base)
            ledger.append(run.key, last, record)
    except RecordConflict:
        return read_training(ledger, run.key, run.attempt).last
    return record
