"""What arrived on the socket: method, path, status, time, and how much of a body went out.

Never a body, a query or a header of the request.
"""

from dataclasses import dataclass

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.state import State

_TABLE = """CREATE TABLE IF NOT EXISTS requests (
    position INTEGER PRIMARY KEY, method TEXT, path TEXT, status INTEGER, time REAL,
    sent_bytes INTEGER DEFAULT 0, content_range TEXT)"""


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
        state.create(_TABLE)

    def arrived(self, method: str, path: str) -> int:
        """Log a request whose headers are in; return its position."""
        row = (method, path, self._clock.now())
        return self._state.execute("INSERT INTO requests (method, path, time) VALUES (?, ?, ?)", *row)

    def answered(self, position: int, status: int) -> None:
        """Fill in the status that goes out."""
        self._state.execute("UPDATE requests SET status = ? WHERE position = ?", status, position)

    def sent(self, position: int, size_bytes: int, content_range: str | None) -> None:
        """Fill in what has gone out of an object so far."""
        statement = "UPDATE requests SET sent_bytes = ?, content_range = ? WHERE position = ?"
        self._state.execute(statement, size_bytes, content_range, position)

    def entries(self) -> list[LoggedRequest]:
        """Return every request, oldest first."""
        columns = "method, path, status, time, sent_bytes, content_range"
        rows = self._state.query(f"SELECT {columns} FROM requests ORDER BY position")  # noqa: S608 - literals
        return [LoggedRequest(**dict(row)) for row in rows]
