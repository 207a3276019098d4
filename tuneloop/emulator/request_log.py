"""What arrived on the socket: method, path, status, time, and how much of a body went out.

Never a body, a query or a header of the request.
"""

from dataclasses import dataclass

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.state import State, Table


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
        """Fill in the status that goes out."""
        self._requests.change(str(number), status=status)

    def sent(self, number: int, size_bytes: int, content_range: str | None) -> None:
        """Fill in what has gone out of an object so far."""
        self._requests.change(str(number), sent_bytes=size_bytes, content_range=content_range)

    def entries(self) -> list[LoggedRequest]:
        """Return every request, oldest first."""
        return self._requests.all()
