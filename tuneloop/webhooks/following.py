"""Follows a hint: finds which of our own trainings is meant, and looks at it as a tick of the sensor would.

The hint chooses what is looked at and nothing else. The provider is asked about the job that the ledger follows,
or for the name under which it was submitted; what is written is written by the same code as in a tick. So a
made-up call can cost a question, and cannot write anything that a tick would not.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import TypeVar

from tuneloop.clock import now
from tuneloop.errors import (
    AuthenticationFailed,
    CorruptRecord,
    InsufficientCredits,
    RateLimited,
    RequestRejected,
    TuneloopError,
    UnexpectedResponse,
)
from tuneloop.ledger.account_marks import AccountMarks
from tuneloop.ledger.job_names import StoredNames
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.markers import Marker
from tuneloop.ledger.training import read_training
from tuneloop.providers.base import Provider
from tuneloop.sensor.inspection import AccountLook, look_at_markers
from tuneloop.sensor.poll import PAUSE_S
from tuneloop.sensor.queries import QueryResult, ask, query_job
from tuneloop.sensor.tick import TickResult
from tuneloop.webhooks.hint import OUR_NAME, Hint, Outcome
from tuneloop.webhooks.questions import AskedEnough, Questions

AnswerT = TypeVar("AnswerT")
_WORST_FIRST: tuple[Outcome, ...] = ("unreached", "unknown", "moving", "settled")


@dataclass
class Look:
    """What one look at a hint's job found.

    Attributes:
        outcome: Whether the hint is done with.
        ticks: What was found in each store, by the slug of the store's block.
        problems: What a person may have to mend.
    """

    outcome: Outcome = "settled"
    ticks: list[tuple[str, TickResult]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, store: str, tick: TickResult, outcome: Outcome) -> None:
        """Take in what was found in one store."""
        self.ticks.append((store, tick))
        self.problems += tick.problems
        self.be_at_least("unreached" if tick.problems else outcome)

    def be_at_least(self, outcome: Outcome) -> None:
        """Keep the worse one of two outcomes."""
        self.outcome = min(self.outcome, outcome, key=_WORST_FIRST.index)


class HintFollower:
    """Follows hints of some accounts into some stores. Any number of threads may use it.

    Args:
        ledgers: The ledger of each store, by the slug of the store's block.
        credentials: The credentials block of each account, both by slug.
        open_provider: Opens a credentials block by its slug.
        look_every: Time between two looks at all of an account's jobs.
        questions: How much may be asked of each account.
    """

    def __init__(
        self,
        ledgers: Mapping[str, Ledger],
        credentials: Mapping[str, str],
        open_provider: Callable[[str], Provider],
        look_every: timedelta,
        questions: Questions,
    ) -> None:
        self._ledgers = ledgers
        self._credentials = credentials
        self._open_provider = open_provider
        self._look_every = look_every
        self._questions = questions
        self._looked_at: dict[str, datetime] = {}
        self._deciding = Lock()
        self._job_ids: dict[tuple[str, str], str] = {}

    def look(self, hint: Hint) -> Look:
        """Look once at what a hint may be about, and write down what has ended."""
        look, account, at = Look(), hint.account.slug, now()
        try:
            if self._may_not_ask(account, at):
                look.outcome = "unreached"
            else:
                self._look_at_what_is_meant(hint, self._open(account), look)
        except AskedEnough:
            look.outcome = "unreached"
        except RateLimited as error:
            look.outcome = "unreached"
            self._questions.leave_alone(account, error.retry_after_s or PAUSE_S)
        except TuneloopError as error:
            look.outcome = "unreached"
            look.problems.append(str(error))
        return look

    def _may_not_ask(self, account: str, at: datetime) -> bool:
        paused = any(AccountMarks(ledger, account).paused_until(at) for ledger in self._ledgers.values())
        return paused or not self._questions.room(account)

    def _ask(self, provider: Provider, question: Callable[[], AnswerT]) -> AnswerT:
        """Ask the provider something, if it may be asked. Raises `AskedEnough`."""
        account = provider.account.slug
        self._questions.take(account)
        before = provider.requests_made
        try:
            return question()
        finally:
            self._questions.note(account, provider.requests_made - before - 1)

    def _open(self, account: str) -> Provider:
        provider = self._open_provider(self._credentials[account])
        provider.names_known = StoredNames(next(iter(self._ledgers.values())).store, account)
        return provider

    def _look_at_what_is_meant(self, hint: Hint, provider: Provider, look: Look) -> None:
        account = hint.account.slug
        if not hint.ids and not hint.names:
            # Such calls are all alike, and some were taken for one: the last look comes after all of them.
            look.outcome = "moving"
            self._look_at_account(account, provider, look)
            return
        if self._look_at_names(account, provider, hint.names, look):
            return
        shown = [name for name in (self._name_of(provider, job_id) for job_id in hint.ids) if name]
        if self._look_at_names(account, provider, shown, look) or self._look_at_ids(hint, provider, look):
            return
        # A marker is there before its job is submitted: for a job that is shown and has none, nobody waits.
        if not shown:
            look.outcome = "unknown"
            self._look_at_account(account, provider, look)

    def _look_at_names(self, account: str, provider: Provider, names: Iterable[str], look: Look) -> bool:
        """Look at jobs by their names. Returns whether anybody waits for one of them."""
        found = False
        ours = [name for name in names if OUR_NAME.fullmatch(name)]
        for store, ledger in self._ledgers.items():
            for markers in [list(_markers_of(ledger, account, name)) for name in ours]:
                if markers:
                    found = True
                    self._look_at_job(store, ledger, provider, markers, look)
        return found

    def _look_at_ids(self, hint: Hint, provider: Provider, look: Look) -> bool:
        """Look at jobs by the ids that the ledger has for them. Returns whether there is one of these."""
        found = False
        for store, ledger in self._ledgers.items():
            for marker in _open_markers(ledger, hint.account.slug):
                if self._job_id(store, ledger, marker) in hint.ids:
                    found = True
                    self._look_at_job(store, ledger, provider, [marker], look)
        return found

    def _job_id(self, store: str, ledger: Ledger, marker: Marker) -> str | None:
        """The provider's id of a job, None where it is not known yet. Once known it stays what it is."""
        known = self._job_ids.get((store, marker.name))
        if known is not None:
            return known
        try:
            run = ledger.run(marker.flow_run)
            job_id = read_training(ledger, run.key, run.generation).job_id if run else None
        except CorruptRecord:
            return None  # the sensor names it at every tick
        if job_id is not None:
            self._job_ids[store, marker.name] = job_id
        return job_id

    def _look_at_account(self, account: str, provider: Provider, look: Look) -> None:
        """Look at all of an account's jobs, due or not, unless that was done just now."""
        with self._deciding:
            moment, last = now(), self._looked_at.get(account)
            if last is not None and last <= moment < last + self._look_every:
                return
            self._looked_at[account] = moment
        try:
            for store, ledger in self._ledgers.items():
                if markers := self._asked_about(ledger, provider):
                    tick = TickResult()
                    asked = self._ask(provider, partial(ask, ledger, provider, markers, now(), previous=None))
                    look_at_markers(AccountLook(ledger, asked, now()), markers, tick)
                    look.add(store, tick, look.outcome)
        except (TuneloopError, AskedEnough):
            del self._looked_at[account]
            raise

    def _asked_about(self, ledger: Ledger, provider: Provider) -> list[Marker]:
        """Open stories of an account: where each of them is a question, as many as may be asked."""
        markers = _open_markers(ledger, provider.account.slug)
        if provider.capabilities.list_has_status:
            return markers
        return random.sample(markers, min(len(markers), self._questions.room(provider.account.slug)))

    def _look_at_job(
        self, store: str, ledger: Ledger, provider: Provider, markers: list[Marker], look: Look
    ) -> None:
        """Ask for one job, and settle each story that waits for it."""
        tick, asked = TickResult(), QueryResult()
        self._ask(provider, partial(query_job, ledger, provider, markers[0], asked))
        jobs = list(asked.by_id.values())
        look_at_markers(AccountLook(ledger, asked, now()), markers, tick)
        if not jobs:
            look.add(store, tick, "unknown")
        elif all(job.phase in {"ready", "failed"} for job in jobs):
            look.add(store, tick, "settled")
        else:
            look.add(store, tick, "moving")

    def _name_of(self, provider: Provider, job_id: str) -> str | None:
        """A job's name as the provider shows it, None where it shows none. An id from a call may be anything."""
        try:
            return self._ask(provider, partial(provider.status, job_id)).name or None
        except (AuthenticationFailed, InsufficientCredits):
            raise
        except (RequestRejected, UnexpectedResponse):
            return None


def _open_markers(ledger: Ledger, account: str) -> list[Marker]:
    return [marker for marker in ledger.markers() if marker.account == account]


def _markers_of(ledger: Ledger, account: str, job: str) -> Iterator[Marker]:
    """The open stories of one job, without a list of all the others."""
    for name, since in ledger.store.written(f"inflight/{account}/{job}/"):
        yield Marker(account, job, name.rpartition("/")[2], since)
