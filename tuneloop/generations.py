"""Which attempt at a training a new run works on. Chosen once per run, never while it runs."""

from __future__ import annotations

from tuneloop.ledger import Ledger
from tuneloop.training_state import read_training
from tuneloop.values.records import BAD_ENDS, ENDS, AnyTrainingRecord, Failed, Rejected

ATTEMPTS_IN_A_ROW = 3


def choose_generation(ledger: Ledger, key: str, on_request: str | None) -> int:
    """Decide which generation a new run works on; see docs/ledger.md.

    Args:
        ledger: The ledger.
        key: Training key.
        on_request: Why an unchanged dataset should be trained again, None for no such wish.
    """
    last = ledger.last(key)
    if last is None:
        return 1
    ended = last.state in ENDS
    unpaid = ended and read_training(ledger, key, last.generation).ended_unpaid
    return last.generation + 1 if unpaid or (ended and on_request) else last.generation


def too_many_attempts(history: list[AnyTrainingRecord], generation: int) -> str | None:
    """Say why a person must look before a generation is submitted, None where the ones before did not all fail."""
    ends = {record.generation: record for record in history if record.generation < generation}
    recent = [ends[number] for number in sorted(ends)[-ATTEMPTS_IN_A_ROW:]]
    if len(recent) < ATTEMPTS_IN_A_ROW or any(record.state not in BAD_ENDS for record in recent):
        return None
    last = recent[-1]
    reason = last.reason if isinstance(last, Failed | Rejected) else last.state
    return f"this training has come to nothing {ATTEMPTS_IN_A_ROW} times in a row, the last time: {reason}"
