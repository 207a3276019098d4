"""Requests that take effect only after their client has been told of a failure, or of nothing at all.

They wait in memory: an emulator that stops forgets them, as a provider does whose queue was lost.
"""

import asyncio
from collections.abc import Awaitable, Callable

from tuneloop.emulator.clock import Clock


class LateEffects:
    """Effects with a time; they come in that order, and before anybody can look."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[tuple[float, Callable[[], Awaitable[None]]]] = []
        self._one_at_a_time = asyncio.Lock()

    def add(self, delay_s: float, effect: Callable[[], Awaitable[None]]) -> None:
        """Let an effect come `delay_s` seconds from now, by the emulator's clock."""
        self._waiting.append((self._clock.now() + delay_s, effect))
        self._waiting.sort(key=lambda entry: entry[0])

    async def settle(self) -> None:
        """Let everything take effect that is due, each at the time it was due.

        Called before each request: nobody can tell the effect from one that nobody was there to see.
        """
        if not self._waiting:
            return
        async with self._one_at_a_time:
            while self._waiting and self._waiting[0][0] <= self._clock.now():
                due, effect = self._waiting.pop(0)
                with self._clock.standing_at(due):
                    await effect()
