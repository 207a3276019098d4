"""The trainings the emulator accepted, and where each stands."""

import json
import sqlite3
from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.progress import Lifecycle, Position, Progress, moved
from tuneloop.emulator.state import State

_TABLE = """CREATE TABLE IF NOT EXISTS jobs (
    position INTEGER PRIMARY KEY, id TEXT UNIQUE, name TEXT, request TEXT, dataset TEXT, doom TEXT,
    status TEXT, since REAL, polls INTEGER, error_message TEXT, created REAL, updated REAL)"""
_POLICY = "progress"


@dataclass(frozen=True)
class Job:
    """One training, as it stands."""

    id: str
    name: str
    request: dict[str, Any]
    """The accepted request, in the provider's fields."""
    dataset: str
    """Key of the uploaded archive in the object store."""
    status: str
    error_message: str | None
    created: float
    updated: float
    """Epoch seconds, like `created`."""


class Jobs:
    """Jobs move only when somebody looks: the state is brought up to date before it is shown."""

    def __init__(self, state: State, clock: Clock, lifecycle: Lifecycle, default: Progress) -> None:
        self._state = state
        self._clock = clock
        self.lifecycle = lifecycle
        self._default = default
        state.create(_TABLE)

    @property
    def policy(self) -> Progress:
        """The progress policy in force."""
        stored = self._state.setting(_POLICY)
        return self._default if stored is None else Progress(**stored)

    def set_policy(self, policy: Progress) -> None:
        """Put another policy in force, for open jobs too; none of them moves back.

        Raises:
            ValueError: for a state the provider does not have.
        """
        unknown = set(policy.states_s) - set(self.lifecycle.revived)
        if unknown:
            known = ", ".join(self.lifecycle.revived)
            raise ValueError(f"progress: unknown state {', '.join(sorted(unknown))}; the states are {known}")
        with self._state.transaction():
            self._look_at(self._rows(), polled=False)
            self._state.set_setting(_POLICY, asdict(policy))

    def add(self, job_id: str, name: str, request: dict[str, Any], dataset: str, doom: str | None) -> None:
        """Accept a training.

        Args:
            job_id: the provider's id.
            name: as the client called it; names need not be unique.
            request: the accepted request.
            dataset: key of the uploaded archive.
            doom: error message it will fail with, None for a good dataset.
        """
        now = self._clock.now()
        first = self.lifecycle.states[0]
        with self._state.transaction() as connection:
            connection.execute(
                "INSERT INTO jobs (id, name, request, dataset, doom, status, since, polls, created, updated)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
                (job_id, name, json.dumps(request), dataset, doom, first, now, now, now),
            )

    def all(self, *, polled: bool, only: Container[str] | None = None) -> list[Job]:
        """Return every job, or `only` those of some ids, oldest first; `polled` if the client asked."""
        with self._state.transaction():
            rows = [row for row in self._rows() if only is None or row["id"] in only]
            return self._look_at(rows, polled=polled)

    def find(self, job_id: str, *, polled: bool) -> Job | None:
        """Return one job, None if there is none of this id."""
        with self._state.transaction():
            found = self._look_at(self._rows("WHERE id = ?", (job_id,)), polled=polled)
        return found[0] if found else None

    def amend(self, job_id: str, **fields: Any) -> None:
        """Change fields of the accepted request, such as who may see the model."""
        with self._state.transaction() as connection:
            (row,) = self._rows("WHERE id = ?", (job_id,))
            request = {**json.loads(row["request"]), **fields}
            connection.execute(
                "UPDATE jobs SET request = ?, updated = ? WHERE id = ?",
                (json.dumps(request), self._clock.now(), job_id),
            )

    def fail(self, job_id: str, error_message: str) -> bool:
        """End a job badly, now; return False where there is none, or it has already ended."""
        with self._state.transaction() as connection:
            job = self.find(job_id, polled=False)
            if job is None or self.lifecycle.ended(job.status):
                return False
            connection.execute(
                "UPDATE jobs SET status = ?, error_message = ?, updated = ? WHERE id = ?",
                (self.lifecycle.bad_end(error_message), error_message, self._clock.now(), job_id),
            )
        return True

    def revive(self, job_id: str, status: str) -> bool:
        """Let a job that has ended badly go on from a state; return False where no such job has.

        Raises:
            ValueError: for a state the provider does not have.
        """
        if status not in self.lifecycle.revived:
            known = ", ".join(self.lifecycle.revived)
            raise ValueError(f"status {status!r} is none to come back into; choose one of {known}")
        with self._state.transaction() as connection:
            job = self.find(job_id, polled=False)
            if job is None or not self.lifecycle.is_bad(job.status):
                return False
            now = self._clock.now()
            connection.execute(
                "UPDATE jobs SET status = ?, since = ?, polls = 0, doom = NULL, error_message = NULL, updated = ?"
                " WHERE id = ?",
                (status, now, now, job_id),
            )
        return True

    def _rows(self, where: str = "", values: Iterable[Any] = ()) -> list[sqlite3.Row]:
        with self._state.transaction() as connection:
            query = f"SELECT * FROM jobs {where} ORDER BY position"  # noqa: S608 - `where` is a literal of this file
            return connection.execute(query, tuple(values)).fetchall()

    def _look_at(self, rows: list[sqlite3.Row], *, polled: bool) -> list[Job]:
        now, policy = self._clock.now(), self.policy
        jobs, changes = [], []
        for row in rows:
            before = Position(row["status"], row["since"], row["polls"])
            after = moved(before, self.lifecycle, policy, now, polled=polled, doom=row["doom"])
            error, updated = row["error_message"], row["updated"]
            if after.status != before.status:
                updated = after.since
                error = row["doom"] if self.lifecycle.is_bad(after.status) else None
            if after != before:
                changes.append((after.status, after.since, after.polls, error, updated, row["id"]))
            request = json.loads(row["request"])
            dataset, created = row["dataset"], row["created"]
            jobs.append(Job(row["id"], row["name"], request, dataset, after.status, error, created, updated))
        with self._state.transaction() as connection:
            connection.executemany(
                "UPDATE jobs SET status = ?, since = ?, polls = ?, error_message = ?, updated = ? WHERE id = ?",
                changes,
            )
        return jobs
