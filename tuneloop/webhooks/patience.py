"""Follows the hints that have come in, again and again at growing intervals, until each is done with."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tuneloop.clock import now
from tuneloop.errors import TuneloopError
from tuneloop.ledger.ledger import Ledger
from tuneloop.redaction import redact
from tuneloop.sensor.tick import TickResult
from tuneloop.webhooks.following import HintFollower
from tuneloop.webhooks.hint import Hint, Outcome
from tuneloop.webhooks.keeping import finish_hint, open_hints, sweep_hints

Act = Callable[[Ledger, str, TickResult], None]
"""Does what is to be done about what was found: the ledger, the slug of its store's block, and what was found.
May raise anything."""

_LOG = logging.getLogger("tuneloop.webhooks")
_AT_ONCE = 3
_GROWTH = 3


@dataclass(frozen=True)
class Patience:
    """How long a hint is followed.

    Attributes:
        first_pause_s: From the first look to the second; each further pause is three times as long.
        longest_pause_s: No pause is longer.
        moving_s: How long a job is looked at that has not ended: a call may come before the provider's own
            answers show what it is about.
        unknown_s: How long a job is looked for that nobody knows; nor is an answer waited for any longer.
        look_every_s: From one look at all of an account's jobs to the next.
        questions_per_minute: Requests to a provider's API, for each account.
        sweep_every_s: From one time to the next that old hints are deleted.
        most_open: Hints that are followed at the same time; a call beyond them is not taken in.
    """

    first_pause_s: float = 2
    longest_pause_s: float = 600
    moving_s: float = 60
    unknown_s: float = 3600
    look_every_s: float = 30
    questions_per_minute: int = 30
    sweep_every_s: float = 86_400
    most_open: int = 10_000

    def pause_s(self, looks: int) -> float:
        """Pause after so many looks."""
        return float(min(self.longest_pause_s, self.first_pause_s * _GROWTH ** min(looks - 1, 20)))

    def is_over(self, hint: Hint, outcome: Outcome) -> bool:
        """Tell whether a hint whose last look came to this is not looked at any more."""
        longest = {"settled": 0.0, "moving": self.moving_s}.get(outcome, self.unknown_s)
        return outcome == "settled" or now() - hint.created_at > timedelta(seconds=longest)


class Following:
    """The hints that are being followed, each in a task of its own.

    Args:
        follower: Looks at what a hint is about.
        ledgers: The ledger of each store, by the slug of the store's block.
        act: Tells of what was written, and wakes the runs that wait for it.
        patience: How long.
    """

    def __init__(
        self, follower: HintFollower, ledgers: Mapping[str, Ledger], act: Act, patience: Patience
    ) -> None:
        self._follower = follower
        self._ledgers = ledgers
        self._act = act
        self._patience = patience
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = 0
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    @asynccontextmanager
    async def running(self, accounts: Iterable[str]) -> AsyncIterator[None]:
        """Take up what an earlier process has left, and follow hints until the block ends.

        Args:
            accounts: Slugs of the accounts whose hints are taken up.
        """
        self._start(self._take_up(list(accounts)))
        self._start(self._sweep())
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def is_full(self) -> bool:
        """Whether no more hints are taken in: somebody who knows an address floods it."""
        return self._open >= self._patience.most_open

    def follow(self, store: str, hint: Hint) -> None:
        """Follow a hint that is kept in a store, in the background."""
        self._start(self._follow(store, hint))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take_up(self, accounts: list[str]) -> None:
        for store, ledger in self._ledgers.items():
            try:
                for hint in await asyncio.to_thread(open_hints, ledger, accounts):
                    _LOG.info("%s: taken up again: %s", hint.account.slug, hint.about)
                    self.follow(store, hint)
            except TuneloopError as error:
                _LOG.warning("%s: what is left in it is not taken up, the sensor finds it: %s", store, error)

    async def _sweep(self) -> None:
        while True:
            for store, ledger in self._ledgers.items():
                try:
                    swept = await asyncio.to_thread(sweep_hints, ledger)
                    _LOG.info("%s: %d files of old hints deleted", store, swept)
                except TuneloopError as error:
                    _LOG.warning("%s: old hints stay until tomorrow: %s", store, error)
            await asyncio.sleep(self._patience.sweep_every_s)

    async def _follow(self, store: str, hint: Hint) -> None:
        self._open += 1
        try:
            outcome = await self._until_done(hint)
        finally:
            self._open -= 1
        if outcome != "unreached":  # the next start takes that one up again
            await asyncio.to_thread(self._finish, store, hint, outcome)

    async def _until_done(self, hint: Hint) -> Outcome:
        for looks in itertools.count(1):
            async with self._at_once:
                outcome = await asyncio.to_thread(self._look, hint)
            if self._patience.is_over(hint, outcome):
                break
            await asyncio.sleep(self._patience.pause_s(looks))
        waited_s = (now() - hint.created_at).total_seconds()
        _LOG.info("%s: %s is %s, %.2f s after the call", hint.account.slug, hint.about, outcome, waited_s)
        return outcome

    def _look(self, hint: Hint) -> Outcome:
        try:
            look = self._follower.look(hint)
            for place, tick in look.ticks:
                self._act(self._ledgers[place], place, tick)
        except Exception as error:  # noqa: BLE001 - whatever it is, every other hint is followed all the same
            _LOG.warning(
                "%s: %s, will look again: %s", hint.account.slug, type(error).__name__, redact(str(error))
            )
            return "unreached"
        for problem in look.problems:
            _LOG.warning("%s: %s", hint.account.slug, redact(problem))
        return look.outcome

    def _finish(self, store: str, hint: Hint, outcome: Outcome) -> None:
        try:
            finish_hint(self._ledgers[store], hint, outcome)
        except TuneloopError as error:
            _LOG.warning("%s: the next start looks at it once more: %s", hint.account.slug, error)
