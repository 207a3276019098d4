"""How jobs move through their provider's states: a policy, and one pure step."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeVar

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass

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


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a job stands."""

    status: str
    since: float
    """Epoch seconds at which it came into this state."""
    polls: int = 0
    """Polls that found it in this state."""
    failure: str | None = None
    """Error with which it fails where its lifecycle says; None for a good dataset."""


Standing = TypeVar("Standing", bound=Position)


def moved(position: Standing, lifecycle: Lifecycle, policy: Progress, now: float, *, polled: bool) -> Standing:
    """Return where a job stands now, never further back than before; `polled` if a client asked."""
    if polled and policy.mode == "polls":
        position = replace(position, polls=position.polls + 1)
    while not lifecycle.ended(position.status):
        left_at = _leaves_at(position, policy, now)
        if left_at is None:
            break
        position = replace(position, status=_next_status(position, lifecycle), since=left_at, polls=0)
    return position


def _leaves_at(position: Position, policy: Progress, now: float) -> float | None:
    if policy.mode == "at once":
        return now
    if policy.mode == "polls":
        return now if position.polls >= policy.polls else None
    left_at = position.since + policy.states_s.get(position.status, policy.each_s)
    return left_at if left_at <= now else None


def _next_status(position: Position, lifecycle: Lifecycle) -> str:
    if position.failure is not None and position.status == lifecycle.fails_after:
        return lifecycle.failed_state(position.failure)
    if position.status == lifecycle.retried:
        return lifecycle.fails_after
    return lifecycle.states[lifecycle.states.index(position.status) + 1]
