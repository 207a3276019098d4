"""Notifies customers of their trainings and images: who is notified, and of what.

The address that was registered outlasts a restart of the emulator; what has still to be sent does not.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.deliveries import Delivery, Dispatcher, Message, PendingDelivery, Subscription, WebhookStyle
from tuneloop.emulator.jobs import Conflict, Job, Jobs
from tuneloop.emulator.outgoing import reachable
from tuneloop.emulator.state import State
from tuneloop.emulator.switches import SwitchBoard

_POLL_S = 0.1
"""Real seconds between two polls of the trainings somebody is to be notified of."""
_SAMPLE = "00000000-0000-4000-8000-000000000000"
_REGISTERED = "webhook"


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
        self._dispatcher = Dispatcher(clock, switches, style, self._address)
        self._subscriptions: dict[str, Subscription] = {}
        self._unanswered: set[str] = set()

    @property
    def log(self) -> list[Delivery]:
        return list(self._dispatcher.log)

    @property
    def registered(self) -> str | None:
        url = self._state.setting(_REGISTERED)
        return None if url is None else str(url)

    def register(self, url: str | None) -> None:
        """Register the one webhook of the console, or remove it; what waits for the old one is dropped.

        It is notified only of what happens from now on.

        Raises:
            Conflict: while there is another, or where the provider has no console for it.
            ValueError: for an address that is not on this machine.
        """
        if not self._style.from_console:
            raise Conflict("webhook: this provider registers none, a submit brings its own")
        if url is not None and not reachable(url):
            raise ValueError("webhook: the emulator talks to http://127.0.0.1 and http://localhost only")
        with self._state.transaction():
            if url is not None and self.registered is not None:
                raise Conflict("webhook: there is one already; remove it before you create another")
            self._state.set_setting(_REGISTERED, url)
            self._dispatcher.clear()
            for job in self._jobs.all(polled=False, only=self._subscriptions):
                subscription = self._subscriptions[job.id]
                subscription.notified = job.status
                subscription.over = self._jobs.lifecycle.ended(job.status)

    def subscribe(self, subscription: Subscription) -> None:
        """Subscribe to a training; called with its acceptance, in one transaction."""
        if subscription.url is not None or self._style.from_console:
            self._unanswered.add(subscription.job_id)
            subscription.notified = self._jobs.lifecycle.states[0]
            self._subscriptions[subscription.job_id] = subscription

    def schedule(self, task_id: str, message: Message, due: float, *, url: str, secret: str | None) -> None:
        """Notify of an image at a time that is known: the one of its end. Called with its acceptance."""
        self._unanswered.add(task_id)
        self._dispatcher.take(Subscription(task_id, url=url, secret=secret), message, not_before=due)

    def before_response(self, job_id: str) -> None:
        """Send the first delivery of a training whose submit is not answered yet, if the switch says so.

        It is true where the training has got that far, as with the policy `at once`; otherwise it is sent all
        the same, and not again when it comes true.
        """
        if not self._switches.now.webhook_early:
            return
        with self._state.transaction():
            first = self._first_deliveries(job_id)
        # Outside of the transaction: the receiver may well call the emulator before it responds.
        for pending in first:
            self._dispatcher.send(pending)

    def answered(self, job_id: str) -> None:
        """Let the deliveries about a training go out: its submit has been answered."""
        self._unanswered.discard(job_id)

    def send_sample(self, origin: str = "") -> None:
        """Send what the console sends to try an address. Raises `Conflict` if no webhook is registered."""
        now = self._clock.now()
        if self.registered is None:
            raise Conflict("webhook: there is none to send a sample to; register one first")
        # That a sample looks like a first event is assumed; it names a training that does not exist.
        status = self._style.events[0]
        job = Job(
            id=_SAMPLE, name="sample", request={}, dataset="", status=status, since=now, created=now, updated=now
        )
        message = self._style.message(job, status, origin, self._switches.now)
        self._dispatcher.send(PendingDelivery(Subscription(_SAMPLE), message, "sample", now))

    @contextmanager
    def going_out(self) -> Iterator[None]:
        """Deliver in a thread of its own while the block lasts."""
        ended = threading.Event()

        def run() -> None:
            while not ended.wait(_POLL_S):
                self._take_changes()
                while self._dispatcher.send_next(self._unanswered):
                    pass

        thread = threading.Thread(target=run, name="webhooks", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            self._dispatcher.poster.stop()
            thread.join()

    def _address(self, subscription: Subscription) -> str | None:
        return self.registered if self._style.from_console else subscription.url

    def _take_changes(self) -> None:
        """Take over what has happened. This does not count as a poll."""
        with self._state.transaction():
            # Most of the time there is nobody to notify, and then no job is read.
            if self._style.from_console and self.registered is None:
                return
            opened = {
                job_id: each
                for job_id, each in self._subscriptions.items()
                if not each.over and job_id not in self._unanswered
            }
            for job in self._jobs.all(polled=False, only=opened) if opened else []:
                self._take_changes_of(job, opened[job.id])

    def _take_changes_of(self, job: Job, subscription: Subscription) -> None:
        lifecycle, switches = self._jobs.lifecycle, self._switches.now
        if switches.webhook_forged and not subscription.forged:
            end = lifecycle.states[-1]
            lie = lifecycle.failed if job.status == end else end
            self._dispatcher.forge(subscription, self._style.message(job, lie, subscription.origin, switches))
            subscription.forged = True
        for status in subscription.wanted(self._style.passed(lifecycle, subscription.notified, job.status)):
            self._dispatcher.take(subscription, self._style.message(job, status, subscription.origin, switches))
        subscription.over = lifecycle.ended(job.status)
        if subscription.over or not lifecycle.reached(subscription.notified, job.status):
            subscription.notified = job.status

    def _first_deliveries(self, job_id: str) -> list[PendingDelivery]:
        job, subscription = self._jobs.find(job_id, polled=False), self._subscriptions.get(job_id)
        if job is None or subscription is None or self._address(subscription) is None:
            return []
        passed = subscription.wanted(self._style.passed(self._jobs.lifecycle, subscription.notified, job.status))
        wanted = passed or subscription.wanted([*self._style.events])
        if not wanted or (not passed and self._jobs.lifecycle.ended(job.status)):
            return []
        first = wanted[0]
        subscription.notified, subscription.over = first, self._jobs.lifecycle.has_failed(first)
        message = self._style.message(job, first, subscription.origin, self._switches.now)
        return self._dispatcher.take(subscription, message, at_once=True)
