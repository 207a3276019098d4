"""Few sensor runs for many calls: one at once, and one more for all calls that came during the pause after it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from tuneloop.redaction import redact

PAUSE_S = 30.0
"""From one sensor run of an account to the next. Whoever knows an address can cause no more than that."""
_LOG = logging.getLogger("tuneloop.webhooks")


class Debounce:
    """Requests sensor runs, one per account and pause. Belongs to one event loop.

    A call is only a reason to poll early: a request that fails, or that is lost with this process, is made good by
    the sensor's own schedule.

    Args:
        request_run: Asks for a sensor run of an account by its slug; called in a thread, may raise anything.
        pause_s: Seconds from one run of an account to the next.
    """

    def __init__(self, request_run: Callable[[str], None], pause_s: float = PAUSE_S) -> None:
        self._request_run = request_run
        self._pause_s = pause_s
        self._not_before: dict[str, float] = {}
        self._waiting: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def notify(self, account: str) -> None:
        """Request a run of an account, unless one is waiting to be requested."""
        if account not in self._waiting:
            self._waiting.add(account)
            task = asyncio.get_running_loop().create_task(self._request(account))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Drop the requests that wait."""
        for task in self._tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _request(self, account: str) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._not_before.get(account, 0.0) - loop.time())
        self._not_before[account] = loop.time() + self._pause_s
        # A call that comes from here on may be about something that this run does not see.
        self._waiting.discard(account)
        try:
            await asyncio.to_thread(self._request_run, account)
        except Exception as error:  # noqa: BLE001 - whatever it is, the receiver goes on
            problem = " ".join(redact(str(error) or type(error).__name__).split())
            _LOG.warning("%s: no sensor run, its schedule polls as usual: %s", account, problem)
