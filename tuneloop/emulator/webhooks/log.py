"""What became of the deliveries. Never a body, an address or a secret."""

from dataclasses import asdict, dataclass
from typing import Any

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.state import State
from tuneloop.emulator.webhooks.post import Outcome
from tuneloop.emulator.webhooks.queue import Kind

_TABLE = """CREATE TABLE IF NOT EXISTS webhook_deliveries (
    position INTEGER PRIMARY KEY, job_id TEXT, event TEXT, kind TEXT, attempt INTEGER, status INTEGER,
    error TEXT, time REAL)"""


@dataclass(frozen=True)
class Delivery:
    """One attempt to tell somebody."""

    job_id: str
    """Also where the delivery itself names no job."""
    event: str
    kind: Kind
    attempt: int
    """1 is the first; 0 did not go out at all."""
    status: int | None
    """HTTP status of the receiver's answer, None without one."""
    error: str | None
    """Why there was no answer."""
    time: float
    """Its end, in epoch seconds of the emulator's clock."""


class DeliveryLog:
    """Append-only."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        state.create(_TABLE)

    def add(self, job_id: str, event: str, kind: Kind, attempt: int, outcome: Outcome) -> Delivery:
        """Log an attempt that has come to its end."""
        delivery = Delivery(job_id, event, kind, attempt, outcome.status, outcome.error, self._clock.now())
        with self._state.transaction() as connection:
            connection.execute(
                "INSERT INTO webhook_deliveries (job_id, event, kind, attempt, status, error, time)"
                " VALUES (:job_id, :event, :kind, :attempt, :status, :error, :time)",
                asdict(delivery),
            )
        return delivery

    def entries(self) -> list[Delivery]:
        """Return every attempt, oldest first."""
        with self._state.transaction() as connection:
            rows = connection.execute("SELECT * FROM webhook_deliveries ORDER BY position").fetchall()
        return [
            Delivery(**{name: row[name] for name in row.keys() if name != "position"})  # noqa: SIM118
            for row in rows
        ]


def as_json(entries: list[Delivery]) -> dict[str, Any]:
    """Write the log as the control route shows it."""
    return {"count": len(entries), "deliveries": [asdict(entry) for entry in entries]}
