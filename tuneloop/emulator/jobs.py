"""The trainings the emulator accepted, and where each stands."""

import json
import sqlite3
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.progress import Lifecycle, Position, Progress, moved
from tuneloop.emulator.state import State

_TABLE = """CREATE TABLE IF NOT EXISTS jobs (
    position INTEGER PRIMARY KEY, id TEXT UNIQUE, name TEXT, request TEXT, dataset TEXT, failure TEXT,
    status TEXT, since REAL, polls INTEGER, error_message TEXT, created REAL, updated REAL,
    marks TEXT DEFAULT '[]', overrides TEXT DEFAULT '{}', hidden TEXT DEFAULT '[]')"""
_SHOWN = ("id", "name", "dataset", "status", "error_message", "created", "updated")
_JSON = ("request", "marks", "overrides", "hidden")
_POLICY = "progress"

Mark = Literal["unlisted", "deleted", "queue only"]
"""
unlisted: never shows in a list.
deleted: the client has deleted it.
queue only: its model takes no direct requests for images.
"""


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
    marks: list[Mark] = field(default_factory=list)
    overrides: dict[str, Any] = field(default_factory=dict)
    """What responses show in place of its fields."""
    hidden: list[str] = field(default_factory=list)
    """Fields that responses leave out."""


class Jobs:
    """Jobs move only when read: the state is brought up to date before it is shown."""

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
        known = self.lifecycle.revivable
        unknown = ", ".join(sorted(set(policy.states_s) - set(known)))
        if unknown:
            raise ValueError(f"progress: unknown state {unknown}; the states are {', '.join(known)}")
        with self._state.transaction():
            self._update(self._rows(), polled=False)
            self._state.set_setting(_POLICY, asdict(policy))

    def add(self, job_id: str, name: str, request: Mapping[str, Any], dataset: str, failure: str | None) -> None:
        """Accept a training; `failure` is the error message it will fail with, None for a good dataset."""
        now = self._clock.now()
        self._state.execute(
            "INSERT INTO jobs (id, name, request, dataset, failure, status, since, polls, created, updated)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
            *(job_id, name, json.dumps(request), dataset, failure, self.lifecycle.states[0], now, now, now),
        )

    def all(self, *, polled: bool, only: Container[str] | None = None) -> list[Job]:
        """Return every job, or `only` those of some ids, oldest first; `polled` if the client asked."""
        with self._state.transaction():
            rows = [row for row in self._rows() if only is None or row["id"] in only]
            return self._update(rows, polled=polled)

    def find(self, job_id: str, *, polled: bool) -> Job | None:
        """Return one job, None if there is none of this id."""
        with self._state.transaction():
            found = self._update(self._rows("WHERE id = ?", job_id), polled=polled)
        return found[0] if found else None

    def amend(self, job: Job, **fields: Any) -> None:
        """Change fields of the accepted request, such as who may see the model."""
        with self._state.transaction():
            request = json.loads(self._rows("WHERE id = ?", job.id)[0]["request"])
            self._set(job.id, request=json.dumps({**request, **fields}), updated=self._clock.now())

    def mark(self, job_id: str, mark: Mark) -> bool:
        """Mark a job for good; return False where there is none."""
        with self._state.transaction():
            job = self.find(job_id, polled=False)
            if job is not None:
                self._set(job_id, marks=json.dumps(sorted({*job.marks, mark})))
        return job is not None

    def override(self, job_id: str, fields: dict[str, Any], hidden: Sequence[str]) -> bool:
        """Show some fields of a job as given and hide others; return False where there is none."""
        self._set(job_id, overrides=json.dumps(fields), hidden=json.dumps(list(hidden)))
        return bool(self._rows("WHERE id = ?", job_id))

    def fail(self, job_id: str, error_message: str) -> bool:
        """Fail a job now; return False where there is none, or it has already ended."""
        with self._state.transaction():
            job = self.find(job_id, polled=False)
            if job is None or self.lifecycle.ended(job.status):
                return False
            status = self.lifecycle.failed_state(error_message)
            self._set(job_id, status=status, error_message=error_message, updated=self._clock.now())
        return True

    def revive(self, job_id: str, status: str) -> bool:
        """Let a failed job go on from a state; return False where no such job has failed.

        Raises:
            ValueError: for a state the provider does not have.
        """
        if status not in self.lifecycle.revivable:
            known = ", ".join(self.lifecycle.revivable)
            raise ValueError(f"status {status!r} is none to come back into; choose one of {known}")
        with self._state.transaction():
            job, now = self.find(job_id, polled=False), self._clock.now()
            if job is None or not self.lifecycle.has_failed(job.status):
                return False
            self._set(job_id, status=status, since=now, polls=0, failure=None, error_message=None, updated=now)
        return True

    def _rows(self, where: str = "", *values: Any) -> list[sqlite3.Row]:
        return self._state.query(f"SELECT * FROM jobs {where} ORDER BY position", *values)  # noqa: S608 - literals

    def _set(self, job_id: str, **columns: object) -> None:
        assigned = ", ".join(f"{name} = ?" for name in columns)
        self._state.execute(f"UPDATE jobs SET {assigned} WHERE id = ?", *columns.values(), job_id)  # noqa: S608

    def _update(self, rows: list[sqlite3.Row], *, polled: bool) -> list[Job]:
        now, policy = self._clock.now(), self.policy
        jobs = []
        for row in rows:
            before = Position(row["status"], row["since"], row["polls"])
            after = moved(before, self.lifecycle, policy, now, polled=polled, failure=row["failure"])
            changed: dict[str, Any] = {}
            if after != before:
                changed = asdict(after)
            if after.status != before.status:
                error = row["failure"] if self.lifecycle.has_failed(after.status) else None
                changed |= {"error_message": error, "updated": after.since}
            if changed:
                self._set(row["id"], **changed)
            shown = {**dict(row), **changed}
            parsed = {name: json.loads(shown[name]) for name in _JSON}
            jobs.append(Job(**{name: shown[name] for name in _SHOWN}, **parsed))
        return jobs
