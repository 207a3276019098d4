"""The emulator's time: the wall clock plus an offset that only grows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from tuneloop.emulator.state import State

_OFFSET = "clock_offset_s"
_FIXED: ContextVar[float | None] = ContextVar("fixed", default=None)


class Clock:
    """A clock that can be moved forward; expiry of URLs and progress of jobs follow it.

    Delays of faults do not: they are real seconds on a real socket.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def offset_s(self) -> float:
        return float(self._state.setting(_OFFSET) or 0.0)

    def now(self) -> float:
        fixed = _FIXED.get()
        return time.time() + self.offset_s if fixed is None else fixed

    @contextmanager
    def fixed_at(self, moment: float) -> Iterator[None]:
        """Show one moment to everything this block does, for effects that were due then."""
        token = _FIXED.set(moment)
        try:
            yield
        finally:
            _FIXED.reset(token)

    def advance(self, advance_s: float) -> None:
        """Move forward. Raises `ValueError` for a negative number: time that went back would un-expire URLs."""
        if advance_s < 0:
            raise ValueError(f"clock: cannot go {advance_s} s ahead, it only moves forward; give 0 or more")
        with self._state.transaction():
            self._state.set_setting(_OFFSET, self.offset_s + advance_s)


def iso_utc(seconds: float) -> str:
    """Write epoch seconds as `2025-01-01T00:00:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
