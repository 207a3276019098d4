"""Telling customers of their trainings and images: who is told, and what of.

What has happened and what has been told of it are noted together, so that a restart neither loses an event nor
tells one twice; only a delivery that was under way when the emulator stopped goes out again.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.jobs import Job, Jobs
from tuneloop.emulator.state import State
from tuneloop.emulator.switches import SwitchBoard
from tuneloop.emulator.webhooks.delivery import Carrier
from tuneloop.emulator.webhooks.log import Delivery
from tuneloop.emulator.webhooks.post import reachable
from tuneloop.emulator.webhooks.queue import Letter
from tuneloop.emulator.webhooks.style import Message, WebhookStyle
from tuneloop.emulator.webhooks.subscriptions import Followed, WebhookBook

_LOOK_S = 0.1
"""Real seconds between two looks at the trainings somebody is to be told of."""
_SAMPLE = "00000000-0000-4000-8000-000000000000"


class WebhookRefused(Exception):
    """The provider's console does not do this; the text says why."""


class Webhooks:
    """The webhooks of one emulation.

    A delivery about a training waits until its submit has been answered, as it does in the world but for bad
    luck; the switch `webhook_early` is that luck.
    """

    def __init__(self, state: State, clock: Clock, jobs: Jobs, switches: SwitchBoard, style: WebhookStyle) -> None:
        self._state = state
        self._clock = clock
        self._jobs = jobs
        self._switches = switches
        self._style = style
        self._book = WebhookBook(state)
        self._carrier = Carrier(state, clock, switches, style, self._book)
        self._unanswered: set[str] = set()
        self._woken = threading.Event()
        self.log = self._carrier.log

    @property
    def registered(self) -> str | None:
        """The one webhook of the console, None if there is none."""
        return self._book.registered

    def register(self, url: str | None) -> None:
        """Register the one webhook of the console, or remove it; what waits for the old one is dropped.

        Only what happens from now on is told.

        Raises:
            WebhookRefused: while there is another, or where the provider has no console for it.
            ValueError: for an address that is not on this machine.
        """
        if not self._style.from_console:
            raise WebhookRefused("webhook: this provider registers none, a submit brings its own")
        if url is not None and not reachable(url):
            raise ValueError("webhook: the emulator talks to http://127.0.0.1 and http://localhost only")
        with self._state.transaction():
            if url is not None and self._book.registered is not None:
                raise WebhookRefused("webhook: there is one already; remove it before you create another")
            self._book.register(url)
            self._carrier.outbox.clear()
            for job in self._jobs.all(polled=False):
                self._book.told(job.id, job.status, over=self._jobs.lifecycle.ended(job.status))
        self._woken.set()

    def follow(self, job_id: str, *, origin: str = "", url: str | None = None, secret: str | None = None) -> None:
        """Follow a training; called with its acceptance, in one transaction.

        Args:
            job_id: the provider's id.
            origin: of the emulator, for the URLs that are told.
            url: the address that the submit has named.
            secret: what proves a delivery to that address.
        """
        if url is None and not self._style.from_console:
            return
        self._unanswered.add(job_id)
        first = self._jobs.lifecycle.states[0]
        self._book.follow(Followed(job_id, origin, url, secret, first, forged=False))

    def promise(self, task_id: str, message: Message, due: float, *, url: str, secret: str | None) -> None:
        """Tell of an image at a time that is known: the one of its end. Called with its acceptance.

        Args:
            task_id: the provider's id.
            message: what will be told.
            due: when.
            url: the address that the request has named.
            secret: what proves a delivery to that address.
        """
        self._unanswered.add(task_id)
        followed = Followed(task_id, "", url, secret, message.event, forged=False)
        self._book.follow(followed)
        self._book.told(task_id, message.event, over=True)
        self._carrier.take(followed, message, not_before=due)

    def before_answer(self, job_id: str) -> None:
        """Send the first delivery of a training whose submit is not answered yet, if the switch says so.

        It is true where the training has got that far, as with the policy `at once`; otherwise it is told all
        the same, and not again when it comes true.
        """
        if not self._switches.now.webhook_early:
            return
        with self._state.transaction():
            letters = self._first_letters(job_id)
        # Outside of the transaction: the receiver may well ask the emulator before it answers.
        for letter in letters:
            self._carrier.send(letter)

    def answered(self, job_id: str) -> None:
        """Let the deliveries about a training go out: its submit has been answered."""
        self._unanswered.discard(job_id)
        self._woken.set()

    def send_sample(self, origin: str) -> Delivery:
        """Send what the console sends to try an address; return what came of it.

        Raises:
            WebhookRefused: if no webhook is registered.
        """
        url, now = self._book.registered, self._clock.now()
        if url is None:
            raise WebhookRefused("webhook: there is none to send a sample to; register one first")
        # That a sample looks like a first event is assumed; it names a training that there is none of.
        job = Job(_SAMPLE, "sample", {}, "", self._style.events[0], None, now, now)
        message = self._style.message(job, job.status, origin, self._switches.now)
        return self._carrier.sample(url, job.id, message)

    def notice(self) -> bool:
        """Take over what has happened; return whether there is more to wait for. This look is no poll."""
        with self._state.transaction():
            opened = {
                followed.job_id: followed
                for followed in self._book.open()
                if followed.job_id not in self._unanswered and self._carrier.address(followed) is not None
            }
            # Most of the time there is nobody to tell, and then nobody looks.
            for job in self._jobs.all(polled=False, only=opened) if opened else []:
                self._look_at(job, opened[job.id])
            return bool(opened) or not self._carrier.outbox.empty()

    @contextmanager
    def going_out(self) -> Iterator[None]:
        """Notice and deliver in a thread of its own while the block lasts."""
        ended = threading.Event()

        def run() -> None:
            while not ended.is_set():
                self._woken.clear()
                more = self.notice()
                while self._carrier.send_next(self._unanswered):
                    pass
                self._woken.wait(_LOOK_S if more else None)

        thread = threading.Thread(target=run, name="webhooks", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            self._carrier.poster.stop()
            self._woken.set()
            thread.join()

    def _look_at(self, job: Job, followed: Followed) -> None:
        lifecycle, switches = self._jobs.lifecycle, self._switches.now
        if switches.webhook_forged and not followed.forged:
            end = lifecycle.states[-1]
            lie = lifecycle.failed if job.status == end else end
            self._carrier.forge(followed, self._style.message(job, lie, followed.origin, switches))
            self._book.forged(job.id)
        for status in self._style.passed(lifecycle, followed.told, job.status):
            self._carrier.take(followed, self._style.message(job, status, followed.origin, switches))
        ended = lifecycle.ended(job.status)
        if ended or not lifecycle.reached(followed.told, job.status):
            self._book.told(job.id, job.status, over=ended)

    def _first_letters(self, job_id: str) -> list[Letter]:
        job, followed = self._jobs.find(job_id, polled=False), self._book.find(job_id)
        if job is None or followed is None or self._carrier.address(followed) is None:
            return []
        passed = self._style.passed(self._jobs.lifecycle, followed.told, job.status)
        if not passed and self._jobs.lifecycle.ended(job.status):
            return []
        first = passed[0] if passed else self._style.events[0]
        self._book.told(job_id, first, over=self._jobs.lifecycle.has_failed(first))
        message = self._style.message(job, first, followed.origin, self._switches.now)
        return self._carrier.take(followed, message, at_once=True)
