"""How much hints may ask of an account. Whoever knows its address must not use up what the sensor needs."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from threading import Lock

_SPAN_S = 60.0
_LONGEST_PAUSE_S = 3600.0


class AskedEnough(Exception):
    """Hints have asked this account as often as they may, for now."""


class Questions:
    """Counts what hints ask of each account in a minute. Any number of threads may use it.

    Args:
        per_minute: Requests to the provider's API, for each account.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._asked: dict[str, deque[float]] = defaultdict(deque)
        self._not_before: dict[str, float] = {}
        self._lock = Lock()

    def room(self, account: str) -> int:
        """How many more requests may be made now."""
        with self._lock:
            return self._room(account, time.monotonic())

    def take(self, account: str) -> None:
        """Take the place of one request. Raises `AskedEnough` where there is none."""
        with self._lock:
            moment = time.monotonic()
            if not self._room(account, moment):
                raise AskedEnough
            self._asked[account].append(moment)

    def note(self, account: str, more: int) -> None:
        """Count requests that one question has taken beyond its first."""
        with self._lock:
            self._asked[account].extend([time.monotonic()] * more)

    def leave_alone(self, account: str, pause_s: float) -> None:
        """Ask no more for a while, because the provider said so. The sensor goes on at its own pace."""
        with self._lock:
            self._not_before[account] = time.monotonic() + min(pause_s, _LONGEST_PAUSE_S)

    def _room(self, account: str, moment: float) -> int:
        asked = self._asked[account]
        while asked and asked[0] <= moment - _SPAN_S:
            asked.popleft()
        if moment < self._not_before.get(account, moment):
            return 0
        return max(0, self._per_minute - len(asked))
