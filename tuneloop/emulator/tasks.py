"""Queued images: accepted, then polled until they are done. Their state follows from the clock alone."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.state import State

_TABLE = """CREATE TABLE IF NOT EXISTS tasks (
    id TEXT PRIMARY KEY, model TEXT, request TEXT, created REAL, ends REAL, failure TEXT)"""


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
    failure: str
    """Error message it ends with; empty for a good end."""

    def share(self, now: float) -> float:
        """Return how much of it is done, 0 to 1; 1 is its end, good or bad."""
        return 1.0 if now >= self.ends else (now - self.created) / (self.ends - self.created)


class Tasks:
    """Every accepted image."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        state.create(_TABLE)

    def add(self, model: str, request: dict[str, Any], seconds: float, failure: str) -> Task:
        """Accept an image that takes so many seconds."""
        now = self._clock.now()
        task = Task(str(uuid.uuid4()), model, request, now, now + seconds, failure)
        row = (task.id, model, json.dumps(request), task.created, task.ends, failure)
        self._state.execute("INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?)", *row)
        return task

    def find(self, task_id: str) -> Task | None:
        """Return one task, None if there is none of this id."""
        rows = self._state.query("SELECT * FROM tasks WHERE id = ?", task_id)
        return Task(**{**dict(rows[0]), "request": json.loads(rows[0]["request"])}) if rows else None

    def failed(self) -> set[str]:
        """Return the ids of those that have failed by now."""
        query = "SELECT id FROM tasks WHERE failure != '' AND ends <= ?"
        return {row["id"] for row in self._state.query(query, self._clock.now())}
