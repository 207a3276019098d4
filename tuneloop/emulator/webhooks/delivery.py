"""How deliveries go out: when, how often, with which proof, and what is noted of each."""

import json

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.state import State
from tuneloop.emulator.switches import SwitchBoard, Switches
from tuneloop.emulator.webhooks.log import Delivery, DeliveryLog
from tuneloop.emulator.webhooks.post import Outcome, Poster, reachable
from tuneloop.emulator.webhooks.queue import Letter, Outbox
from tuneloop.emulator.webhooks.style import Message, WebhookStyle
from tuneloop.emulator.webhooks.subscriptions import Followed, WebhookBook

_WRONG_SECRET = "guessed"  # noqa: S105 - of a forged delivery, whose sender does not know the right one


class Carrier:
    """The deliveries of one emulation, in its order or in a worse one; see the switches."""

    def __init__(
        self, state: State, clock: Clock, switches: SwitchBoard, style: WebhookStyle, book: WebhookBook
    ) -> None:
        self._state = state
        self._clock = clock
        self._switches = switches
        self._style = style
        self._book = book
        self.outbox = Outbox(state)
        self.log = DeliveryLog(state, clock)
        self.poster = Poster()

    def address(self, followed: Followed) -> str | None:
        """Return whom to tell of a training, None if nobody."""
        return self._book.registered if self._style.from_console else followed.url

    def take(
        self, followed: Followed, message: Message, *, at_once: bool = False, not_before: float = 0.0
    ) -> list[Letter]:
        """Take over what is to be told of a training or, `not_before` its end, of an image.

        `at_once` knows no delay and no other order.
        """
        switches, job_id = self._switches.now, followed.job_id
        hindrance = None if switches.webhook_copies else "dropped"
        if not reachable(self.address(followed) or ""):
            hindrance = "not sent: the emulator talks to this machine only"
        if hindrance is not None:
            self.log.add(job_id, message.event, "event", 0, Outcome(None, hindrance))
            return []
        due, backwards = max(self._clock.now(), not_before), False
        if not at_once:
            due, backwards = self._due(switches, due), switches.webhook_reverse_s > 0
        return [
            self.outbox.put(job_id, message, "event", due, backwards=backwards)
            for _ in range(switches.webhook_copies)
        ]

    def forge(self, followed: Followed, message: Message) -> None:
        """Let somebody else tell a lie about a training, at once and with a wrong proof."""
        if reachable(self.address(followed) or ""):
            self.outbox.put(followed.job_id, message, "forged", self._clock.now())

    def sample(self, url: str, job_id: str, message: Message) -> Delivery:
        """Send a sample, past the outbox; no switch spoils it."""
        letter = Letter(0, job_id, message.event, json.dumps(message.body), "sample", 1)
        return self._logged(letter, self._posted(letter, url, None))

    def send_next(self, held: set[str]) -> bool:
        """Send what is due first, if it is not about a `held` training; return False if there is nothing."""
        letter = None if self.poster.stopped else self.outbox.next_due(self._clock.now(), held)
        if letter is not None:
            self.send(letter)
        return letter is not None

    def send(self, letter: Letter) -> None:
        """Make one attempt, and note what is to become of the letter."""
        followed = self._book.find(letter.job_id)
        url = None if followed is None else self.address(followed)
        if followed is None or url is None:
            self.outbox.done(letter)  # the webhook has just been removed
            return
        outcome = self._posted(letter, url, followed.secret)
        if self.poster.stopped:
            return  # it stays in the outbox, and goes out again after a restart
        with self._state.transaction():
            self._logged(letter, outcome)
            pauses = self._style.retries_s if letter.kind == "event" else ()
            if outcome.arrived or letter.attempt > len(pauses):
                self.outbox.done(letter)
                return
            pause = pauses[letter.attempt - 1] * self._switches.now.webhook_retry_scale
            self.outbox.put_off(letter, self._clock.now() + pause)

    def _due(self, switches: Switches, earliest: float) -> float:
        """Return when a new letter goes out; with a turned order, together with those already gathered."""
        due = earliest + switches.webhook_delay_s
        if switches.webhook_reverse_s == 0:
            return due
        return self.outbox.next_backwards(self._clock.now()) or due + switches.webhook_reverse_s

    def _posted(self, letter: Letter, url: str, secret: str | None) -> Outcome:
        switches, body = self._switches.now, letter.body.encode()
        shown = _WRONG_SECRET if letter.kind == "forged" else secret
        proof = {} if shown is None else self._style.proof(body, shown, switches)
        return self.poster.post(url, body, proof, switches.webhook_timeout_s)

    def _logged(self, letter: Letter, outcome: Outcome) -> Delivery:
        return self.log.add(letter.job_id, letter.event, letter.kind, letter.attempt, outcome)
