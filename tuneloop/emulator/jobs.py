"""The trainings the emulator accepted, and where each stands."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.progress import Lifecycle, Position, Progress, moved
from tuneloop.emulator.state import State, Table

_POLICY = "progress"

Mark = Literal["unlisted", "deleted", "queue only"]
"""
unlisted: never shows in a list.
deleted: the client has deleted it.
queue only: its model takes no direct requests for images.
"""


class Conflict(Exception):
    """What was asked of the emulator cannot be done as things stand; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Job(Position):
    """One training, as it stands."""

    id: str
    name: str
    request: dict[str, Any]
    """The accepted request, in the provider's fields."""
    dataset: str
    """Key of the uploaded archive in the object store."""
    error_message: str | None = None
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
        self._jobs = Table(state, Job)

    @property
    def policy(self) -> Progress:
        stored = self._state.setting(_POLICY)
        return self._default if stored is None else Progress(**stored)

    def set_policy(self, policy: Progress) -> None:
        """Put another policy in force, for open jobs too; none moves back. Raises `ValueError` for no state."""
        known = self.lifecycle.revivable
        unknown = ", ".join(sorted(set(policy.states_s) - set(known)))
        if unknown:
            raise ValueError(f"progress: unknown state {unknown}; the states are {', '.join(known)}")
        with self._state.transaction():
            self.all(polled=False)
            self._state.set_setting(_POLICY, asdict(policy))

    def add(self, job_id: str, name: str, request: Mapping[str, Any], dataset: str, failure: str | None) -> None:
        """Accept a training; `failure` is the error message it will fail with, None for a good dataset."""
        now = self._clock.now()
        job = Job(
            id=job_id, name=name, request=dict(request), dataset=dataset, failure=failure,
            status=self.lifecycle.states[0], since=now, created=now, updated=now,
        )  # fmt: skip
        self._jobs.add(job_id, job)

    def all(self, *, polled: bool, only: Container[str] | None = None) -> list[Job]:
        """Return every job, or `only` those of some ids, oldest first; `polled` if the client asked."""
        with self._state.transaction():
            jobs = [job for job in self._jobs.all() if only is None or job.id in only]
            return self._updated(jobs, polled=polled)

    def find(self, job_id: str, *, polled: bool) -> Job | None:
        with self._state.transaction():
            job = self._jobs.find(job_id)
            return self._updated([job], polled=polled)[0] if job else None

    def amend(self, job: Job, **fields: Any) -> None:
        """Change fields of the accepted request, such as who may see the model."""
        self._jobs.change(job.id, request={**job.request, **fields}, updated=self._clock.now())

    def mark(self, job_id: str, mark: Mark) -> None:
        """Mark a job for good. Raises `Conflict` where there is none, and `ValueError` for no mark."""
        if mark not in get_args(Mark):
            raise ValueError(f"mark must be one of {', '.join(get_args(Mark))}")
        with self._state.transaction():
            job = self._existing(job_id)
            self._jobs.change(job_id, marks=sorted({*job.marks, mark}))

    def override(self, job_id: str, fields: dict[str, Any], without: Sequence[str]) -> None:
        """Show some fields of a job as given, and leave out others. Raises `Conflict` where there is none."""
        with self._state.transaction():
            self._existing(job_id)
            self._jobs.change(job_id, overrides=dict(fields), hidden=list(without))

    def fail(self, job_id: str, error_message: str) -> None:
        """Fail a job now. Raises `Conflict` where there is none, or it has already ended."""
        with self._state.transaction():
            job = self._existing(job_id)
            if self.lifecycle.ended(job.status):
                raise Conflict(f"job {job_id} has already ended")
            status = self.lifecycle.failed_state(error_message)
            self._jobs.change(job_id, status=status, error_message=error_message, updated=self._clock.now())

    def revive(self, job_id: str, status: str) -> None:
        """Let a failed job go on from a state. Raises `Conflict` or, for an unknown state, `ValueError`."""
        if status not in self.lifecycle.revivable:
            known = ", ".join(self.lifecycle.revivable)
            raise ValueError(f"status {status!r} is none to come back into; choose one of {known}")
        with self._state.transaction():
            job, now = self.find(job_id, polled=False), self._clock.now()
            if job is None or not self.lifecycle.has_failed(job.status):
                raise Conflict(f"job {job_id}: there is none, or it has not failed")
            changed = {"status": status, "since": now, "polls": 0, "updated": now}
            self._jobs.change(job_id, failure=None, error_message=None, **changed)

    def _existing(self, job_id: str) -> Job:
        job = self.find(job_id, polled=False)
        if job is None:
            raise Conflict(f"job {job_id}: there is none")
        return job

    def _updated(self, jobs: list[Job], *, polled: bool) -> list[Job]:
        now, policy = self._clock.now(), self.policy
        return [self._moved(job, moved(job, self.lifecycle, policy, now, polled=polled)) for job in jobs]

    def _moved(self, before: Job, after: Job) -> Job:
        if after == before:
            return before
        changed: dict[str, Any] = {"status": after.status, "since": after.since, "polls": after.polls}
        if after.status != before.status:
            error = before.failure if self.lifecycle.has_failed(after.status) else None
            changed |= {"error_message": error, "updated": after.since}
        return self._jobs.change(before.id, **changed) or before
