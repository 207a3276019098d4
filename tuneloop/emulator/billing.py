"""The billing ledger: what the provider would charge for. The oracle of the tests."""

import json
from collections.abc import Container
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.state import State

_TABLE = """CREATE TABLE IF NOT EXISTS billing (
    position INTEGER PRIMARY KEY, id TEXT, kind TEXT, name TEXT, summary TEXT, time REAL)"""


@dataclass(frozen=True)
class BilledEntry:
    """One accepted request that costs money."""

    id: str
    """Job id of a training, request id of an inference."""
    kind: Literal["training", "inference"]
    name: str
    """Name of the job; of an inference, the id of the model that drew."""
    summary: dict[str, Any]
    """The fields of the request that matter; never a key."""
    time: float
    """Acceptance, in epoch seconds of the emulator's clock."""
    refunded: bool = False
    """Whether it has come to a bad end since: neither provider charges for those."""


class Billing:
    """Append-only. A refused request is not in it; an accepted one is, whatever became of the answer."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        state.create(_TABLE)

    def record(
        self, entry_id: str, kind: Literal["training", "inference"], name: str, summary: dict[str, Any]
    ) -> None:
        """Append one entry, in the transaction of the effect it stands for."""
        with self._state.transaction() as connection:
            connection.execute(
                "INSERT INTO billing (id, kind, name, summary, time) VALUES (?, ?, ?, ?, ?)",
                (entry_id, kind, name, json.dumps(summary), self._clock.now()),
            )

    def entries(self, ended_badly: Container[str] = ()) -> list[BilledEntry]:
        """Return every entry, oldest first; those of the given ids as refunded."""
        with self._state.transaction() as connection:
            rows = connection.execute("SELECT * FROM billing ORDER BY position").fetchall()
        return [
            BilledEntry(
                id=row["id"],
                kind=row["kind"],
                name=row["name"],
                summary=json.loads(row["summary"]),
                time=row["time"],
                refunded=row["id"] in ended_badly,
            )
            for row in rows
        ]

    def count(self, kind: Literal["training", "inference"]) -> int:
        """Return how many entries of one kind there are."""
        with self._state.transaction() as connection:
            row = connection.execute("SELECT COUNT(*) AS n FROM billing WHERE kind = ?", (kind,)).fetchone()
        return int(row["n"])


def as_json(entries: list[BilledEntry]) -> dict[str, Any]:
    """Write the ledger as the control route shows it."""
    return {"count": len(entries), "entries": [asdict(entry) for entry in entries]}
