"""A person's wish that a run's result is not wanted; it outlives the run."""

from __future__ import annotations

from tuneloop.clock import now
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import Record


class CancelledRun(Record):
    """A person has cancelled a run: what was paid is collected, and nothing is judged."""

    flow_run: str
    """Id of the flow run."""


def is_cancelled(ledger: Ledger, flow_run: str) -> bool:
    """Tell whether a person was seen to cancel a run."""
    return ledger.store.exists(_name(flow_run))


def remember_cancelled(ledger: Ledger, flow_run: str) -> None:
    """Remember that a person has cancelled a run."""
    ledger.create_record(_name(flow_run), CancelledRun(created_at=now(), flow_run=flow_run))


def _name(flow_run: str) -> str:
    return f"cancelled/{flow_run}.json"
