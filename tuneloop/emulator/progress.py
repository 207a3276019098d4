"""How jobs move through their provider's states: a policy, and one pure step."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

Mode = Literal["at once", "polls", "seconds"]


@dataclass(frozen=True)
class Lifecycle:
    """The states of one provider's jobs, in order, in the provider's own words."""

    states: tuple[str, ...]
    """From the state at submit to the last one."""
    failed: str
    """The state of a job that ended badly."""
    fails_after: str
    """State in which a bad dataset is noticed: such a job leaves it for `failed`."""
    trained: str
    """First state in which the weights can be downloaded."""
    also_failed: tuple[str, ...] = ()
    """Further states of a bad end; an error message that is one of these words leads there."""
    tried_again: str | None = None
    """State of a job that was revived after a bad end, where it has a word of its own."""

    @property
    def revived(self) -> tuple[str, ...]:
        """The states into which a job that ended badly can come back."""
        return (*self.states, self.tried_again) if self.tried_again else self.states

    def bad_end(self, error_message: str) -> str:
        """Return the state in which a job with this error ends."""
        return error_message if error_message in self.also_failed else self.failed

    def is_bad(self, status: str) -> bool:
        """Tell whether a job in `status` has ended badly."""
        return status == self.failed or status in self.also_failed

    def reached(self, status: str, target: str) -> bool:
        """Tell whether a job in `status` is at `target` or past it; one that failed or was revived is not."""
        if status not in self.states or target not in self.states:
            return False
        return self.states.index(status) >= self.states.index(target)

    def ended(self, status: str) -> bool:
        """Tell whether a job in `status` moves no more."""
        return self.is_bad(status) or status == self.states[-1]


@dataclass(frozen=True)
class Progress:
    """When a job leaves a state. Make one with `at_once`, `after_polls` or `after_seconds`."""

    mode: Mode
    polls: int = 1
    """Mode `polls`: answers that show a state before the next poll shows the next one."""
    each_s: float = 0.0
    """Mode `seconds`: stay in every state that `states_s` does not name."""
    states_s: Mapping[str, float] = field(default_factory=dict)
    """Mode `seconds`: stay in a state by its name."""

    def __post_init__(self) -> None:
        """Refuse what is no policy.

        Raises:
            ValueError: for an unknown mode, fewer than one poll, or negative seconds.
        """
        if self.mode not in get_args(Mode):
            known = ", ".join(get_args(Mode))
            raise ValueError(f"progress: unknown mode {self.mode!r}; choose one of {known}")
        if self.polls < 1 or self.each_s < 0 or any(seconds < 0 for seconds in self.states_s.values()):
            raise ValueError(f"progress: {self} runs backwards; polls >= 1 and seconds >= 0")

    @classmethod
    def at_once(cls) -> "Progress":
        """The first look at a job finds it at its end."""
        return cls("at once")

    @classmethod
    def after_polls(cls, polls: int = 1) -> "Progress":
        """Every `polls`-th poll of a job finds it one state further."""
        return cls("polls", polls=polls)

    @classmethod
    def after_seconds(cls, each: float = 0.0, /, **states: float) -> "Progress":
        """A job stays `each` seconds in a state, or as long as its name says: `INFERENCE_QUEUED=3600`."""
        return cls("seconds", each_s=each, states_s=states)


@dataclass(frozen=True)
class Position:
    """Where a job stands."""

    status: str
    since: float
    """Epoch seconds at which it came into this state."""
    polls: int = 0
    """Polls answered with this state."""


def moved(
    position: Position, lifecycle: Lifecycle, policy: Progress, now: float, *, polled: bool, doom: str | None
) -> Position:
    """Return where a job stands now, never further back than before.

    Args:
        position: where it stood when it was last looked at.
        lifecycle: the provider's states.
        policy: when a state is left.
        now: epoch seconds.
        polled: whether this look is one of the client's.
        doom: error of its bad dataset, with which it fails where the lifecycle says; None for a good one.
    """
    if polled and policy.mode == "polls":
        position = replace(position, polls=position.polls + 1)
    while not lifecycle.ended(position.status):
        left_at = _leaves_at(position, policy, now)
        if left_at is None:
            break
        position = Position(_next_status(position.status, lifecycle, doom), left_at)
    return position


def _leaves_at(position: Position, policy: Progress, now: float) -> float | None:
    """Return the time at which the state was left, None if it has not been."""
    if policy.mode == "at once":
        return now
    if policy.mode == "polls":
        return now if position.polls >= policy.polls else None
    left_at = position.since + policy.states_s.get(position.status, policy.each_s)
    return left_at if left_at <= now else None


def _next_status(status: str, lifecycle: Lifecycle, doom: str | None) -> str:
    if doom is not None and status == lifecycle.fails_after:
        return lifecycle.bad_end(doom)
    if status == lifecycle.tried_again:
        return lifecycle.fails_after
    return lifecycle.states[lifecycle.states.index(status) + 1]
