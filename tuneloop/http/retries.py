"""How long a provider is waited for, and how often a request is repeated that costs and changes nothing.

When a provider accepts requests again, its headers say. Sources: RFC 9110, 10.2.3 (Retry-After: seconds or a
date); one provider's rate limit page (`x-rate-limit-reset-at-utc`). Others send the moment as seconds,
milliseconds or less since 1970.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tuneloop.errors import PresignedUrlExpired, ProviderUnavailable, RateLimited

_MAX_WAIT_S = 3600.0
"""A header that lies must not silence an account for days."""
_MAX_PAUSE_S = 30
_TRANSIENT = (None, 429, 500, 502, 503, 504)
"""Statuses worth another try; None where there was no response."""
_HEADERS = (
    "retry-after", "x-rate-limit-reset-at-utc", "x-rate-limit-reset", "x-ratelimit-reset", "ratelimit-reset",
)  # fmt: skip
_NUMBER = re.compile(r"[0-9]{1,25}(\.[0-9]{1,25})?")
_YEAR_2001 = 1e9
"""Seconds since 1970. A smaller number is a time to wait."""
_YEAR_5138 = 1e11

_T = TypeVar("_T")


@dataclass(frozen=True)
class RequestPolicy:
    """Tries and time-outs of one request."""

    tries: int = 4
    """How often a GET or HEAD is sent at most. POST and PUT are sent once."""
    connect_s: float = 10.0
    read_s: float = 60.0
    """For the next byte."""
    response_s: float = 120.0
    """For a response that is read whole, from the request's last byte to its own."""


RUN_POLICY = RequestPolicy()
"""For a flow run, which has nothing better to do than to wait."""
TICK_POLICY = RequestPolicy(tries=1, connect_s=5.0, read_s=15.0, response_s=15.0)
"""For a tick of the sensor: other accounts wait behind it, and the next tick polls again."""


def retried(send: Callable[[], _T], tries: int) -> _T:
    """Send one GET or HEAD until it succeeds or another try is of no use; its last error is raised."""
    for tried in range(1, tries):
        try:
            return send()
        except ProviderUnavailable as error:
            pause_s = _pause_s(error, tried)
            if pause_s is None:
                raise
        time.sleep(pause_s)
    return send()


def _pause_s(error: ProviderUnavailable, tried: int) -> float | None:
    """Seconds to wait, None where another try at once is of no use."""
    if isinstance(error, PresignedUrlExpired) or error.status not in _TRANSIENT:
        return None
    if error.retry_after_s is not None:
        return error.retry_after_s if error.retry_after_s <= _MAX_PAUSE_S else None
    # Without a time to wait for, asking a busy provider at once makes it worse.
    if isinstance(error, RateLimited):
        return None
    return 0.3 * 2.0 ** (tried - 1) + random.uniform(0, 0.2)  # noqa: S311 - no secret


def seconds_until_allowed(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, at most an hour, by headers with names in lower case; None where none says so."""
    for name in _HEADERS:
        seconds = _seconds(headers.get(name, "").strip())
        if seconds is not None:
            return min(max(seconds, 0.0), _MAX_WAIT_S)
    return None


def _seconds(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        moment = _moment(text)
        return None if moment is None else moment - time.time()
    number = float(text)
    if number < _YEAR_2001:
        return number
    while number >= _YEAR_5138:
        number /= 1000
    return number - time.time()


def _moment(text: str) -> float | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            continue
    return None
