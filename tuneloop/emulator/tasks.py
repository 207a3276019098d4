"""Queued images: accepted, then polled until they are done. Their state follows from the clock alone."""

import uuid
from dataclasses import dataclass
from typing import Any

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.state import State, Table


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
        self._clock = clock
        self._tasks = Table(state, Task)
        self.find = self._tasks.find
        self.all = self._tasks.all

    def add(self, model: str, request: dict[str, Any], seconds: float, failure: str) -> Task:
        now, task_id = self._clock.now(), str(uuid.uuid4())
        return self._tasks.add(task_id, Task(task_id, model, request, now, now + seconds, failure))

    def end(self, task_id: str, failure: str) -> None:
        """End a task now, as failed."""
        self._tasks.change(task_id, ends=self._clock.now(), failure=failure)

    def failed(self) -> set[str]:
        now = self._clock.now()
        return {task.id for task in self._tasks.all() if task.failure and task.ends <= now}
