"""Wall clock for records, monotonic clock for deadlines."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

# CLOCK_BOOTTIME goes on while a laptop sleeps; where it is missing, CLOCK_MONOTONIC does so itself.
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_MILLISECONDS_FROM = 1e11


def now() -> datetime:
    """Wall clock, UTC."""
    return datetime.now(UTC)


def offset_s(theirs: datetime, before: datetime) -> float:
    """Seconds by which another clock is ahead of ours, 0 where it may be in step.

    Args:
        theirs: Its time, to the second.
        before: Our time before the request; the response was made between then and now.
    """
    ahead, behind = (theirs - now()).total_seconds(), (before - theirs).total_seconds() - 1
    return max(ahead, 0.0) or -max(behind, 0.0)


def moment_of(value: object) -> datetime | None:
    """A time in ISO 8601 (UTC where it names no zone) or in seconds or milliseconds since 1970; else None."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if value > _MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


class Deadline:
    """A moment after which nothing may be sent, held by two clocks.

    The wall clock alone may be set back, the monotonic one alone says nothing to other hosts.

    Args:
        seconds: Time from now.
    """

    def __init__(self, seconds: float) -> None:
        self._boot_until = time.clock_gettime(_SINCE_BOOT) + seconds
        self.started = now()
        self.until = self.started + timedelta(seconds=seconds)

    def passed(self) -> bool:
        """Return True if either clock is past the deadline, or the wall clock before its start."""
        wall = now()
        on_time = self.started <= wall < self.until and time.clock_gettime(_SINCE_BOOT) < self._boot_until
        return not on_time
