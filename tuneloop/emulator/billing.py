"""The billing ledger: what the provider would charge for. The oracle of the tests."""

from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Any, Literal

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.state import State, Table

Kind = Literal["training", "inference"]


@dataclass(frozen=True)
class BilledEntry:
    """One accepted request that costs money."""

    id: str
    """Job id of a training, request id of an inference."""
    kind: Kind
    name: str
    """Name of the job; of an inference, the id of the model."""
    summary: dict[str, Any]
    """The fields of the request that matter; never a key."""
    time: float
    """Acceptance, in epoch seconds of the emulator's clock."""
    refunded: bool = False
    """Whether it has failed since: no provider charges for those."""


class Billing:
    """Append-only. A rejected request is not in it; an accepted one is, whatever became of the response."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._clock = clock
        self._entries = Table(state, BilledEntry)

    def record(self, entry_id: str, kind: Kind, name: str, summary: dict[str, Any]) -> None:
        """Append one entry, in the transaction of the effect it stands for."""
        self._entries.add(entry_id, BilledEntry(entry_id, kind, name, summary, self._clock.now()))

    def entries(self, failed: Container[str] = ()) -> list[BilledEntry]:
        """Return every entry, oldest first; those of the given ids as refunded."""
        return [replace(entry, refunded=entry.id in failed) for entry in self._entries.all()]
