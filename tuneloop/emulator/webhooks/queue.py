"""Deliveries that have still to go out, each with its time."""

import json
from collections.abc import Container
from dataclasses import dataclass
from typing import Literal

from tuneloop.emulator.state import State
from tuneloop.emulator.webhooks.style import Message

_TABLE = """CREATE TABLE IF NOT EXISTS webhook_outbox (
    position INTEGER PRIMARY KEY, job_id TEXT, event TEXT, body TEXT, kind TEXT, attempt INTEGER,
    due REAL, backwards INTEGER)"""

Kind = Literal["event", "forged", "sample"]
"""
event: the provider tells what has happened.
forged: somebody else tells what has not.
sample: asked for in the console.
"""


@dataclass(frozen=True)
class Letter:
    """One delivery."""

    position: int
    job_id: str
    event: str
    body: str
    """JSON, the same at every attempt."""
    kind: Kind
    attempt: int
    """Of the next time it goes out; the first is 1."""


class Outbox:
    """Sorted by time, and by what was put in first. A letter stays until its end is noted here."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.create(_TABLE)

    def put(self, job_id: str, message: Message, kind: Kind, due: float, *, backwards: bool = False) -> Letter:
        """Put a letter in, due at epoch seconds; of those due at once, `backwards` ones go last one first."""
        body = json.dumps(message.body)
        with self._state.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO webhook_outbox (job_id, event, body, kind, attempt, due, backwards)"
                " VALUES (?, ?, ?, ?, 1, ?, ?)",
                (job_id, message.event, body, kind, due, backwards),
            )
        return Letter(int(cursor.lastrowid or 0), job_id, message.event, body, kind, 1)

    def next_due(self, now: float, held: Container[str]) -> Letter | None:
        """Return the letter that has to go out first; those about `held` jobs wait."""
        query = (
            "SELECT * FROM webhook_outbox WHERE due <= ?"
            " ORDER BY due, CASE WHEN backwards THEN -position ELSE position END"
        )
        with self._state.transaction() as connection:
            rows = connection.execute(query, (now,)).fetchall()
        for row in rows:
            if row["job_id"] not in held:
                return Letter(
                    row["position"], row["job_id"], row["event"], row["body"], row["kind"], row["attempt"]
                )
        return None

    def next_backwards(self, now: float) -> float | None:
        """Return when the `backwards` letters go out that are still being gathered, None if none are."""
        query = "SELECT MAX(due) AS due FROM webhook_outbox WHERE backwards AND due > ?"
        with self._state.transaction() as connection:
            due = connection.execute(query, (now,)).fetchone()["due"]
        return None if due is None else float(due)

    def put_off(self, letter: Letter, due: float) -> None:
        """Let a letter go out once more."""
        with self._state.transaction() as connection:
            connection.execute(
                "UPDATE webhook_outbox SET attempt = ?, due = ?, backwards = 0 WHERE position = ?",
                (letter.attempt + 1, due, letter.position),
            )

    def done(self, letter: Letter) -> None:
        """Take a letter out, arrived or given up."""
        with self._state.transaction() as connection:
            connection.execute("DELETE FROM webhook_outbox WHERE position = ?", (letter.position,))

    def clear(self) -> None:
        """Throw everything away."""
        with self._state.transaction() as connection:
            connection.execute("DELETE FROM webhook_outbox")

    def empty(self) -> bool:
        """Tell whether nothing waits."""
        with self._state.transaction() as connection:
            return connection.execute("SELECT 1 FROM webhook_outbox LIMIT 1").fetchone() is None
