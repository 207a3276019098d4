"""The trainings that the emulator accepted: their states, how they move through them, and where each stands."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.state import State, Table

_POLICY = "progress"
Seconds = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class Lifecycle:
    """The states of one provider's jobs, in order, in the provider's own words."""

    states: tuple[str, ...]
    """From the state at submit to the last one."""
    failed: str
    fails_after: str
    """State in which a bad dataset is noticed: such a job leaves it for `failed`."""
    trained: str
    """First state in which the weights can be downloaded."""
    also_failed: tuple[str, ...] = ()
    """Further failed states; an error message that is one of these words leads there."""
    retried: str | None = None
    """State of a job that was revived after a failure, where it has a word of its own."""

    @property
    def revivable(self) -> tuple[str, ...]:
        return (*self.states, self.retried) if self.retried else self.states

    def failed_state(self, error_message: str) -> str:
        return error_message if error_message in self.also_failed else self.failed

    def has_failed(self, status: str) -> bool:
        return status == self.failed or status in self.also_failed

    def reached(self, status: str, target: str) -> bool:
        """Return True if a job in `status` is at `target` or past it; one that failed or was revived is not."""
        if status not in self.states or target not in self.states:
            return False
        return self.states.index(status) >= self.states.index(target)

    def ended(self, status: str) -> bool:
        return self.has_failed(status) or status == self.states[-1]


@checked_dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Progress:
    """When a job leaves a state. Make one with `at_once`, `after_polls` or `after_seconds`.

    Raises:
        ValueError: for an unknown mode, fewer than one poll, or negative seconds.
    """

    mode: Literal["at once", "polls", "seconds"]
    polls: Annotated[int, Field(ge=1)] = 1
    """Mode `polls`: responses that show a state before the next poll shows the next one."""
    each_s: Seconds = 0.0
    """Mode `seconds`: stay in every state that `states_s` does not name."""
    states_s: Mapping[str, Seconds] = Field(default_factory=dict)
    """Mode `seconds`: stay in a state by its name."""

    @classmethod
    def at_once(cls) -> "Progress":
        """The first poll of a job finds it at its end."""
        return cls("at once")

    @classmethod
    def after_polls(cls, polls: int = 1) -> "Progress":
        """Every `polls`-th poll of a job finds it one state further."""
        return cls("polls", polls=polls)

    @classmethod
    def after_seconds(cls, each: float = 0.0, /, **states: float) -> "Progress":
        """A job stays `each` seconds in a state, or as long as its name says: `INFERENCE_QUEUED=3600`."""
        return cls("seconds", each_s=each, states_s=states)


Mark = Literal["unlisted", "deleted", "queue only"]
"""
unlisted: never shows in a list.
deleted: the client has deleted it.
queue only: its model takes no direct requests for images.
"""


class Conflict(Exception):
    """What was asked of the emulator cannot be done as things stand; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training, as it stands."""

    id: str
    name: str
    request: dict[str, Any]
    """The accepted request, in the provider's fields."""
    dataset: str
    """Key of the uploaded archive in the object store."""
    failure: str | None = None
    """Error with which it fails where the lifecycle says; None for a good dataset."""
    status: str
    since: float
    """Epoch seconds at which it came into this state."""
    polls: int = 0
    """Polls that found it in this state."""
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
        moved = [_moved(job, self.lifecycle, policy, now, polled=polled) for job in jobs]
        for before, after in zip(jobs, moved, strict=True):
            if after != before:
                self._jobs.change(before.id, **asdict(after))
        return moved


def _moved(job: Job, lifecycle: Lifecycle, policy: Progress, now: float, *, polled: bool) -> Job:
    """Return where a job stands now, never further back than before; `polled` if a client asked."""
    if polled and policy.mode == "polls":
        job = replace(job, polls=job.polls + 1)
    while not lifecycle.ended(job.status):
        left_at = _leaves_at(job, policy, now)
        if left_at is None:
            break
        status = _next_status(job, lifecycle)
        error = job.failure if lifecycle.has_failed(status) else None
        job = replace(job, status=status, since=left_at, updated=left_at, polls=0, error_message=error)
    return job


def _leaves_at(job: Job, policy: Progress, now: float) -> float | None:
    if policy.mode == "at once":
        return now
    if policy.mode == "polls":
        return now if job.polls >= policy.polls else None
    left_at = job.since + policy.states_s.get(job.status, policy.each_s)
    return left_at if left_at <= now else None


def _next_status(job: Job, lifecycle: Lifecycle) -> str:
    if job.failure is not None and job.status == lifecycle.fails_after:
        return lifecycle.failed_state(job.failure)
    if job.status == lifecycle.retried:
        return lifecycle.fails_after
    return lifecycle.states[lifecycle.states.index(job.status) + 1]
