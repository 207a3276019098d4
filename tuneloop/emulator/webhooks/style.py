"""What one provider's webhooks are like: which changes they tell, in which words, and how they prove it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tuneloop.emulator.jobs import Job
from tuneloop.emulator.progress import Lifecycle
from tuneloop.emulator.switches import Switches


@dataclass(frozen=True)
class Message:
    """What one delivery says."""

    event: str
    """In the provider's word."""
    body: dict[str, Any]
    """Sent as JSON."""


@dataclass(frozen=True)
class WebhookStyle:
    """The habits of one provider."""

    from_console: bool
    """One address for all trainings, registered in a console; otherwise each submit may bring its own."""
    events: tuple[str, ...]
    """States whose beginning is told, in their order."""
    tells_bad_end: bool
    retries_s: tuple[float, ...]
    """Seconds from an attempt that failed to the next one; after the last, the delivery is given up."""
    message: Callable[[Job, str, str, Switches], Message]
    """Takes a training, the state to tell, the emulator's origin for URLs, and the switches in force."""
    proof: Callable[[bytes, str, Switches], dict[str, str]]
    """Takes a body and the secret of its training; returns the headers by which the body is believed."""

    def passed(self, lifecycle: Lifecycle, before: str, after: str) -> list[str]:
        """Return the states to tell of a job that has gone from one to another, also past some unseen."""
        if lifecycle.has_failed(after):
            return [after] if self.tells_bad_end else []
        if before not in lifecycle.states or after not in lifecycle.states:
            return []
        first, last = lifecycle.states.index(before) + 1, lifecycle.states.index(after) + 1
        return [state for state in lifecycle.states[first:last] if state in self.events]
