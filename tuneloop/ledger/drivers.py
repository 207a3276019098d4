"""Which Prefect server drives a store: to any other one, the runs of this one look as if they were gone."""

from __future__ import annotations

from tuneloop.clock import now
from tuneloop.errors import RecordConflict
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.ties import Driver

_DRIVERS = "drivers/"


def current_driver(ledger: Ledger) -> Driver | None:
    """The server that drives a store, None where none has begun to."""
    names = ledger.numbered(_DRIVERS)
    return ledger.read_record(names[-1], Driver) if names else None


def hand_over(ledger: Ledger, server_id: str, address: str, who: str) -> Driver:
    """Let a server drive a store from now on, whoever drove it before; nothing is written where it does already.

    Raises:
        RecordConflict: Another server was first.
    """
    before = current_driver(ledger)
    if before is not None and before.server_id == server_id:
        return before
    number = before.number + 1 if before else 1
    driver = Driver(created_at=now(), number=number, server_id=server_id, address=address, decided_by=who)
    if ledger.create_record(f"{_DRIVERS}{number:04d}.json", driver):
        return driver
    winner = current_driver(ledger)
    if winner is None or winner.server_id != server_id:
        raise RecordConflict(f"{ledger.store.uri}: another Prefect server was first; `tuneloop status` says which")
    return winner
