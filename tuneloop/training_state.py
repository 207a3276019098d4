"""Where one generation of a training stands, as the ledger has it."""

from __future__ import annotations

from dataclasses import dataclass

from tuneloop.clock import now
from tuneloop.errors import LedgerError, RecordTaken
from tuneloop.ledger import Ledger
from tuneloop.values.records import (
    BAD_ENDS,
    Abandoned,
    AnyTrainingRecord,
    Claimed,
    Failed,
    Held,
    Submitted,
    Trained,
    WithId,
)
from tuneloop.values.training import JobStatus, job_name


@dataclass(frozen=True)
class Training:
    """One generation of one training.

    Attributes:
        key: Training key.
        generation: Which attempt.
        last: Its last record; None where nothing is claimed yet.
        previous: The last record of the generation before, where `last` is None.
        first: Its first claim, None where there is none yet.
        claim: Its last claim.
        doubted: It was held once because nobody could tell whether its submit was accepted.
        records: How many records the training has, of all generations.
    """

    key: str
    generation: int
    last: AnyTrainingRecord | None
    previous: AnyTrainingRecord | None
    first: Claimed | None = None
    claim: Claimed | None = None
    doubted: bool = False
    records: int = 0

    @property
    def name(self) -> str:
        """The job's name at the provider."""
        return job_name(self.key, self.generation)

    @property
    def stem(self) -> str:
        """What the names of all attempts at this training begin with."""
        return self.key[:16]

    @property
    def ended_unpaid(self) -> bool:
        """It has come to its end, and nothing is to be paid for it.

        Where its submit was once in doubt, a bad end of the job that is followed says nothing about the other one.
        """
        bad = self.last is not None and self.last.state in BAD_ENDS
        return not self.doubted and (bad or (isinstance(self.last, Abandoned) and not self.last.paid))

    @property
    def job_id(self) -> str | None:
        """The provider's id of the job, once it is known."""
        return self.last.job_id if isinstance(self.last, WithId) else None


def read_training(ledger: Ledger, key: str, generation: int) -> Training:
    """Read where one generation stands."""
    history = ledger.history(key)
    own = [record for record in history if record.generation == generation]
    before = [record for record in history if record.generation < generation]
    if any(record.generation > generation for record in history) and not own:
        raise LedgerError(f"generation {generation} of training {key[:16]} was skipped")
    last = own[-1] if own else None
    previous = before[-1] if before and not own else None
    claims = [record for record in own if isinstance(record, Claimed)]
    first, claim = (claims[0], claims[-1]) if claims else (None, None)
    doubted = any(isinstance(record, Held) and record.kind == "uncertain" for record in own)
    return Training(key, generation, last, previous, first, claim, doubted, len(history))


def record_progress(ledger: Ledger, key: str, generation: int, status: JobStatus) -> AnyTrainingRecord | None:
    """Write down that a submitted job has ended, where it has.

    Returns:
        The training's last record after that.
    """
    last = read_training(ledger, key, generation).last
    if not isinstance(last, Submitted) or status.phase == "running":
        return last
    record: Trained | Failed
    base = {"at": now(), "generation": generation, "name": last.name, "job_id": last.job_id, "word": status.word}
    if status.phase == "failed":
        record = Failed.model_validate({**base, "reason": status.error_message or "the provider gives no reason"})
    else:
        record = Trained.model_validate(base)
    try:
        ledger.append(key, last, record)
    except RecordTaken:
        return read_training(ledger, key, generation).last
    return record
