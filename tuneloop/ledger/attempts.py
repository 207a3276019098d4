"""Which attempt at a training a new run works on. Chosen once per run, never while it runs."""

from __future__ import annotations

import hashlib

from tuneloop.clock import now
from tuneloop.errors import ObjectNotFound
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.redaction import redact
from tuneloop.schemas.records import (
    ENDS,
    UNPAID_FAILURES,
    Abandoned,
    AnyTrainingRecord,
    Collected,
    Failed,
    Record,
    Rejected,
    RunRecord,
    Submitted,
)

ATTEMPTS_IN_A_ROW = 3


class CountedReason(Record):
    """A reason to retrain, with the run and attempt that applied it: the same words are no new request."""

    reason: str
    flow_run: str
    attempt: int


def requested_attempt(ledger: Ledger, key: str, reason: str | None, flow_run: str) -> tuple[int, str | None]:
    """Decide which attempt a new run works on; nothing is written.

    Returns:
        The attempt, and the reason to train an unchanged dataset again where it counts: not where another run has
        applied it.
    """
    words = redact(" ".join((reason or "").split()))
    counted = _counted(ledger, key, words) if words else None
    if counted is None:
        return choose_attempt(ledger, key, words or None), words or None
    if counted.flow_run == flow_run:
        return counted.attempt, words
    last = ledger.last(key)
    begun = last is not None and last.attempt >= counted.attempt
    return choose_attempt(ledger, key, None) if begun else counted.attempt, None


def count_reason(ledger: Ledger, run: RunRecord) -> RunRecord:
    """Let a run's reason to retrain count once per training; returns the run, on the attempt it is to work on."""
    if run.retrain_reason is None:
        return run
    record = CountedReason(created_at=now(), reason=run.retrain_reason, flow_run=run.flow_run, attempt=run.attempt)
    ledger.create_record(_reason_name(run.key, run.retrain_reason), record)
    attempt, reason = requested_attempt(ledger, run.key, run.retrain_reason, run.flow_run)
    return run.model_copy(update={"attempt": attempt, "retrain_reason": reason})


def choose_attempt(ledger: Ledger, key: str, on_request: str | None) -> int:
    """Decide which attempt a new run works on; see docs/ledger.md."""
    newest = ledger.last(key)
    if newest is None:
        return 1
    if _is_settled(newest) and not on_request:
        return newest.attempt
    history = ledger.history(key)
    last = _last_begun(history)
    ended = last is None or last.state in ENDS
    unpaid = last is None or (ended and TrainingLog(ledger, key, last.attempt).ended_unpaid)
    again = on_request or (isinstance(last, Abandoned) and last.again)
    if last is None or unpaid or (ended and again):
        return history[-1].attempt + 1
    return last.attempt


def _is_settled(newest: AnyTrainingRecord) -> bool:
    """Return True if a training has its weights, or another trainer has taken its place."""
    return isinstance(newest, Collected) or (isinstance(newest, Abandoned) and newest.failed_over)


def may_begin(ledger: Ledger, run: RunRecord) -> bool:
    """Return True if an unclaimed attempt may still be begun.

    Not if the one before has come to life since it was chosen, or was paid: unless one more was requested.
    """
    names = ledger.store.names(f"retrain-reasons/{run.key}/")
    counted = (ledger.read_record(name, CountedReason) for name in names)
    applied = (record.reason for record in counted if record.attempt == run.attempt)
    reason = run.retrain_reason or next(applied, None)
    return choose_attempt(ledger, run.key, reason) == run.attempt


def needs_approval(history: list[AnyTrainingRecord], run: RunRecord) -> str | None:
    """Say why a run's attempt needs approval, None where it does not.

    Not if the ones before did not all fail, and the last job was neither cancelled by a person nor billed without
    weights, or a person has asked for another one since.
    """
    before = [record for record in history if record.attempt < run.attempt]
    stopped = None if run.retrain_reason else _stopped_before(before)
    return stopped or _failed_before(before)


def _stopped_before(history: list[AnyTrainingRecord]) -> str | None:
    # Attempts without a job say nothing: a person may have rejected to train again.
    submitted = max((record.attempt for record in history if isinstance(record, Submitted)), default=None)
    end = next((record for record in reversed(history) if record.attempt == submitted), None)
    if not isinstance(end, Abandoned) or (end.cancelled_run is None and not end.billed):
        return None
    what = f"a person has cancelled {end.name}" if end.cancelled_run else f"{end.name} has failed and is billed"
    return f"{what}, and another attempt is paid again"


def _failed_before(history: list[AnyTrainingRecord]) -> str | None:
    ends = {record.attempt: record for record in history}
    recent = [ends[number] for number in sorted(ends)[-ATTEMPTS_IN_A_ROW:]]
    if len(recent) < ATTEMPTS_IN_A_ROW or any(record.state not in UNPAID_FAILURES for record in recent):
        return None
    last = recent[-1]
    reason = last.reason if isinstance(last, Failed | Rejected) else last.state
    return f"this training has failed {ATTEMPTS_IN_A_ROW} times in a row, the last time: {reason}"


def _last_begun(history: list[AnyTrainingRecord]) -> AnyTrainingRecord | None:
    """The last record of the newest attempt that was begun.

    One that was abandoned before that says nothing about a bill; whether there is one, the attempt before tells.
    """
    begun = {record.attempt for record in history if not isinstance(record, Abandoned)}
    return next((record for record in reversed(history) if record.attempt in begun), None)


def _counted(ledger: Ledger, key: str, words: str) -> CountedReason | None:
    try:
        return ledger.read_record(_reason_name(key, words), CountedReason)
    except ObjectNotFound:
        return None


def _reason_name(key: str, words: str) -> str:
    return f"retrain-reasons/{key}/{hashlib.sha256(words.encode()).hexdigest()}.json"
