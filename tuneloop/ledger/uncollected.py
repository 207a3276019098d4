"""Weights that are paid and cannot be fetched: tried at growing pauses, then a manual decision is requested."""

from __future__ import annotations

from datetime import datetime, timedelta

from tuneloop.clock import now
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.schemas.records import Held, Submitted, Trained

LOST_AFTER = timedelta(days=3)
"""How long a job or its weights may be out of reach before a person is asked."""
_PAUSES = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=4), timedelta(days=1))
_FEWEST_TRIES = 3


def note_failed_try(ledger: Ledger, trained: Trained) -> None:
    """Remember that the weights could not be fetched; the store's clock tells when."""
    folder = _folder(trained)
    ledger.store.create(f"{folder}{len(list(ledger.store.names(folder))) + 1}", b"")


def next_try(ledger: Ledger, trained: Trained) -> datetime:
    """When the weights are to be fetched; a moment that has passed means now."""
    tries = _tries(ledger, trained)
    if not tries:
        return trained.created_at
    return tries[-1] + _PAUSES[min(len(tries), len(_PAUSES)) - 1]


def hold_if_lost(training: TrainingLog, reason: str) -> Held | None:
    """Hold a training whose job or weights could not be had for days; None where it is too early.

    Raises:
        RecordConflict: The training has moved on.
    """
    last = training.last
    if not isinstance(last, Submitted | Trained) or now() - last.created_at < LOST_AFTER:
        return None
    # A sensor that was off for days has not tried for days.
    if isinstance(last, Trained) and len(_tries(training.ledger, last)) < _FEWEST_TRIES:
        return None
    what = "its weights" if isinstance(last, Trained) else "the job"
    return training.hold(
        "lost", f"{what} (id {last.job_id}) cannot be had since {last.created_at:%Y-%m-%d}: {reason}"
    )


def try_again(training: TrainingLog) -> None:
    """Resume a lost training, as a person requests. Raises `RecordConflict` where it has moved on."""
    known = training.known
    if isinstance(known, Submitted | Trained):
        fields = known.model_dump(exclude={"created_at", "writer_id"})
        training.append(type(known).model_validate({**fields, "created_at": now()}))


def _tries(ledger: Ledger, trained: Trained) -> list[datetime]:
    """Failed tries since the training was, or was said to be, at its end."""
    return sorted(at for _, at in ledger.store.written(_folder(trained)) if at >= trained.created_at)


def _folder(trained: Trained) -> str:
    return f"uncollected/{trained.name}/"
