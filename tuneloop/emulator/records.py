"""What the emulator writes down for tests: what the provider would charge for, and what arrived on the socket.

Of a request, never a body, a query or a header.
"""

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
        self._entries.add(entry_id, BilledEntry(entry_id, kind, name, summary, self._clock.now()))

    def entries(self, failed: Container[str] = ()) -> list[BilledEntry]:
        """Return every entry, oldest first; those of the given ids as refunded."""
        return [replace(entry, refunded=entry.id in failed) for entry in self._entries.all()]


@dataclass(frozen=True)
class LoggedRequest:
    """One request that reached the emulator; control requests are not logged."""

    method: str
    path: str
    """Without the query, which may hold a signature."""
    status: int | None
    """Status that was sent; None until then, and for good where the connection was cut."""
    time: float
    """Arrival of the headers, in epoch seconds of the emulator's clock."""
    sent_bytes: int = 0
    """Bytes of an object that were handed to the connection; 0 for every other response."""
    content_range: str | None = None
    """`Content-Range` of an object's response."""


class RequestLog:
    """Append on arrival, fill in the status with the response."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._requests = Table(state, LoggedRequest)

    def arrived(self, method: str, path: str) -> int:
        """Log a request whose headers are in; return its number."""
        with self._state.transaction():
            number = len(self._requests) + 1
            self._requests.add(str(number), LoggedRequest(method, path, None, self._clock.now()))
        return number

    def answered(self, number: int, status: int) -> None:
        self._requests.change(str(number), status=status)

    def sent(self, number: int, size_bytes: int, content_range: str | None) -> None:
        self._requests.change(str(number), sent_bytes=size_bytes, content_range=content_range)

    def entries(self) -> list[LoggedRequest]:
        return self._requests.all()
