"""Images that are drawn while nobody waits: accepted, then asked for until they are there."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.state import State

_TABLE = """CREATE TABLE IF NOT EXISTS tasks (
    id TEXT PRIMARY KEY, model TEXT, request TEXT, created REAL, ends REAL, doom TEXT)"""


@dataclass(frozen=True)
class Task:
    """One accepted image."""

    id: str
    model: str
    """Id of the training whose model draws."""
    request: dict[str, Any]
    """The accepted request, in the provider's fields."""
    created: float
    ends: float
    """Epoch seconds, like `created`."""
    doom: str
    """Text it ends badly with; empty for a good end."""

    def share(self, now: float) -> float:
        """Return how much of it is done, 0 to 1; 1 is its end, good or bad."""
        return 1.0 if now >= self.ends else (now - self.created) / (self.ends - self.created)


class Tasks:
    """An image's state follows from the clock alone."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        state.create(_TABLE)

    def add(self, model: str, request: dict[str, Any], seconds: float, doom: str) -> Task:
        """Accept an image that takes so many seconds."""
        now = self._clock.now()
        task = Task(str(uuid.uuid4()), model, request, now, now + seconds, doom)
        with self._state.transaction() as connection:
            connection.execute(
                "INSERT INTO tasks (id, model, request, created, ends, doom) VALUES (?, ?, ?, ?, ?, ?)",
                (task.id, model, json.dumps(request), task.created, task.ends, doom),
            )
        return task

    def find(self, task_id: str) -> Task | None:
        """Return one task, None if there is none of this id."""
        with self._state.transaction() as connection:
            row = connection.execute("SELECT * FROM tasks WHERE id = ?", (task_id,)).fetchone()
        return None if row is None else Task(**{**dict(row), "request": json.loads(row["request"])})

    def failed(self) -> set[str]:
        """Return the ids of those that have ended badly."""
        with self._state.transaction() as connection:
            query = "SELECT id FROM tasks WHERE doom != '' AND ends <= ?"
            rows = connection.execute(query, (self._clock.now(),)).fetchall()
        return {row["id"] for row in rows}
