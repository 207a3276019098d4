"""A provider's webhooks, and how they go out: when, how often, with which signature, and what is logged."""

import json
import threading
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any, Literal

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.jobs import Job, Lifecycle
from tuneloop.emulator.outgoing import Outcome, Poster, reachable
from tuneloop.emulator.switches import SwitchBoard, Switches

Kind = Literal["event", "forged", "sample"]
"""An event that has happened; one that somebody else has made up; a sample that was asked for in the console."""
_WRONG_SECRET = "guessed"  # noqa: S105 - of a forged delivery, whose sender does not know the right one


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


@dataclass(frozen=True)
class Delivery:
    """One attempt to deliver, as logged: never a body, an address or a secret."""

    job_id: str
    """Also where the delivery itself names no job."""
    event: str
    kind: Kind
    attempt: int
    """1 is the first; 0 did not go out at all."""
    status: int | None
    """HTTP status of the receiver's response, None without one."""
    error: str | None
    """Why there was no response."""
    time: float
    """Its end, in epoch seconds of the emulator's clock."""


@dataclass
class Subscription:
    """One job that somebody is notified of. Holds a secret: no part of it may go into a response."""

    job_id: str
    origin: str = ""
    """Of the emulator, as its client called it at the submit."""
    url: str | None = None
    """Address of this job alone; None where the registered one counts."""
    secret: str | None = None
    states: tuple[str, ...] | None = None
    """States to notify of, of those that the provider notifies of at all; None for all of them."""
    notified: str = ""
    """The last state up to which everything was sent, or was not to be sent."""
    forged: bool = False
    """Whether a forged delivery about it has been made."""
    over: bool = False

    def wanted(self, states: list[str]) -> list[str]:
        """Return those of some states that it is notified of."""
        return [state for state in states if self.states is None or state in self.states]


@dataclass(eq=False)
class PendingDelivery:
    """One delivery that has still to go out."""

    subscription: Subscription
    message: Message
    kind: Kind
    due: float
    """Epoch seconds of the emulator's clock."""
    attempt: int = 1


class Dispatcher:
    """The deliveries of one emulation, in their order or in a worse one; see the switches.

    `address` finds whom to notify of a job, None for nobody.
    """

    def __init__(
        self,
        clock: Clock,
        switches: SwitchBoard,
        style: WebhookStyle,
        address: Callable[[Subscription], str | None],
    ) -> None:
        self._clock = clock
        self._switches = switches
        self._style = style
        self._address = address
        self._lock = threading.RLock()
        self._reversed_at = 0.0
        self.outbox: list[PendingDelivery] = []
        self.log: list[Delivery] = []
        self.poster = Poster()

    def take(
        self, subscription: Subscription, message: Message, *, at_once: bool = False, not_before: float = 0.0
    ) -> list[PendingDelivery]:
        """Take a message to be sent at once, or with the delay and the order of the switches."""
        switches = self._switches.now
        hindrance = None if switches.webhook_copies else "dropped"
        if not reachable(self._address(subscription) or ""):
            hindrance = "not sent: the emulator talks to this machine only"
        if hindrance is not None:
            self._log(PendingDelivery(subscription, message, "event", 0, attempt=0), Outcome(None, hindrance))
            return []
        due = max(self._clock.now(), not_before)
        with self._lock:
            due = due if at_once else self._due(due)
            pending = [
                PendingDelivery(subscription, message, "event", due) for _ in range(switches.webhook_copies)
            ]
            reverse = switches.webhook_reverse_s > 0 and not at_once
            self.outbox = pending + self.outbox if reverse else self.outbox + pending
        return pending

    def forge(self, subscription: Subscription, message: Message) -> None:
        """Let somebody else lie about a training, at once and with a wrong secret."""
        if reachable(self._address(subscription) or ""):
            with self._lock:
                self.outbox.append(PendingDelivery(subscription, message, "forged", self._clock.now()))

    def clear(self) -> None:
        with self._lock:
            self.outbox, self._reversed_at = [], 0

    def send_next(self, held: Container[str]) -> bool:
        """Send what is due first and is not about a `held` job; return False if there is nothing."""
        now = self._clock.now()
        with self._lock:
            due = [each for each in self.outbox if each.due <= now and each.subscription.job_id not in held]
        if not due or self.poster.stopped:
            return False
        self.send(min(due, key=lambda pending: pending.due))
        return True

    def send(self, pending: PendingDelivery) -> None:
        """Make one attempt, and put the delivery off where it failed and another one is made."""
        url = self._address(pending.subscription)
        if url is None:  # the webhook has just been removed
            self._remove(pending)
            return
        secret = _WRONG_SECRET if pending.kind == "forged" else pending.subscription.secret
        switches, body = self._switches.now, json.dumps(pending.message.body).encode()
        headers = {} if secret is None else self._style.sign(body, secret, switches)
        outcome = self.poster.post(url, body, headers, switches.webhook_timeout_s)
        if self.poster.stopped:
            return
        self._log(pending, outcome)
        pauses = self._style.retries_s if pending.kind == "event" else ()
        if outcome.arrived or pending.attempt > len(pauses):
            self._remove(pending)
        else:
            pause = pauses[pending.attempt - 1] * switches.webhook_retry_scale
            pending.due = self._clock.now() + pause
            pending.attempt += 1

    def _remove(self, pending: PendingDelivery) -> None:
        with self._lock:
            self.outbox = [each for each in self.outbox if each is not pending]

    def _due(self, earliest: float) -> float:
        """When a new delivery goes out; in reversed order, together with those already gathered."""
        switches = self._switches.now
        due = earliest + switches.webhook_delay_s
        if switches.webhook_reverse_s == 0:
            return due
        if self._reversed_at <= self._clock.now():
            self._reversed_at = due + switches.webhook_reverse_s
        return self._reversed_at

    def _log(self, pending: PendingDelivery, outcome: Outcome) -> None:
        job_id, event, time = pending.subscription.job_id, pending.message.event, self._clock.now()
        made = Delivery(job_id, event, pending.kind, pending.attempt, outcome.status, outcome.error, time)
        self.log.append(made)
