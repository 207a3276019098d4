"""What arrived on the socket: method, path, status, time, and how much of a body went out.

Never a body, a query or a header of the request.
"""

from dataclasses import asdict, dataclass
from typing import Any

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.state import State

_TABLE = """CREATE TABLE IF NOT EXISTS requests (
    position INTEGER PRIMARY KEY, method TEXT, path TEXT, status INTEGER, time REAL)"""
# A table of its own: folders of earlier emulators go on as they are.
_SENT = """CREATE TABLE IF NOT EXISTS sent (
    position INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, content_range TEXT)"""


@dataclass(frozen=True)
class LoggedRequest:
    """One request that reached the emulator; control requests are not logged."""

    method: str
    path: str
    """Without the query, which may hold a signature."""
    status: int | None
    """Status that was sent; None while unanswered and for ever where the connection was cut."""
    time: float
    """Arrival of the headers, in epoch seconds of the emulator's clock."""
    sent_bytes: int = 0
    """Bytes of an object that were handed to the connection; 0 for every other answer."""
    content_range: str | None = None
    """`Content-Range` of the answer."""


class RequestLog:
    """Append on arrival, fill in the status on answering."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        state.create(_TABLE)
        state.create(_SENT)

    def arrived(self, method: str, path: str) -> int:
        """Log a request whose headers are in; return its position."""
        with self._state.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO requests (method, path, time) VALUES (?, ?, ?)",
                (method, path, self._clock.now()),
            )
        return int(cursor.lastrowid or 0)

    def answered(self, position: int, status: int) -> None:
        """Fill in the status that goes out."""
        with self._state.transaction() as connection:
            connection.execute("UPDATE requests SET status = ? WHERE position = ?", (status, position))

    def sent(self, position: int, size_bytes: int, content_range: str | None) -> None:
        """Fill in what has gone out of the answer's body so far."""
        with self._state.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO sent VALUES (?, ?, ?)", (position, size_bytes, content_range)
            )

    def entries(self) -> list[LoggedRequest]:
        """Return every request, oldest first."""
        with self._state.transaction() as connection:
            rows = connection.execute(
                "SELECT requests.*, COALESCE(bytes, 0) AS bytes, content_range FROM requests"
                " LEFT JOIN sent USING (position) ORDER BY position"
            ).fetchall()
        return [
            LoggedRequest(
                row["method"], row["path"], row["status"], row["time"], row["bytes"], row["content_range"]
            )
            for row in rows
        ]


def as_json(entries: list[LoggedRequest]) -> dict[str, Any]:
    """Write the log as the control route shows it."""
    return {"count": len(entries), "requests": [asdict(entry) for entry in entries]}
