"""What one provider's webhooks are like: which changes they notify of, in which words, and how they are signed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tuneloop.emulator.jobs import Job
from tuneloop.emulator.progress import Lifecycle
from tuneloop.emulator.switches import Switches


@dataclass(frozen=True)
class Message:
    """What one delivery says: the event in the provider's word, and a body that is sent as JSON."""

    event: str
    body: dict[str, Any]


@dataclass(frozen=True)
class WebhookStyle:
    """The habits of one provider."""

    from_console: bool
    """One address for all trainings, registered in a console; otherwise each submit may bring its own."""
    events: tuple[str, ...]
    """States whose beginning is notified, in their order."""
    notifies_bad_end: bool
    retries_s: tuple[float, ...]
    """Seconds from an attempt that failed to the next one; after the last, the delivery is given up."""
    message: Callable[[Job, str, str, Switches], Message]
    """Takes a training, the state to notify of, the emulator's origin for URLs, and the switches in force."""
    sign: Callable[[bytes, str, Switches], dict[str, str]]
    """Takes a body and the secret of its training; returns the headers that prove it."""

    def passed(self, lifecycle: Lifecycle, before: str, after: str) -> list[str]:
        """Return the states to notify of when a job has gone from one to another, also past some unseen."""
        if lifecycle.has_failed(after):
            return [after] if self.notifies_bad_end else []
        if before not in lifecycle.states or after not in lifecycle.states:
            return []
        first, last = lifecycle.states.index(before) + 1, lifecycle.states.index(after) + 1
        return [state for state in lifecycle.states[first:last] if state in self.events]
