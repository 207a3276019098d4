"""When a provider accepts requests again, as its headers say.

Sources: RFC 9110, 10.2.3 (Retry-After: seconds or a date); Segmind's rate limit page
(`x-rate-limit-reset-at-utc`). Others send the moment as seconds, milliseconds or less since 1970.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 3600.0
"""A header that lies must not silence an account for days."""
_NAMES = (
    "retry-after",
    "x-rate-limit-reset-at-utc",
    "x-rate-limit-reset",
    "x-ratelimit-reset",
    "ratelimit-reset",
)
_NUMBER = re.compile(r"[0-9]{1,25}(\.[0-9]{1,25})?")
_YEAR_2001 = 1e9
"""Seconds since 1970. A smaller number is a time to wait."""
_YEAR_5138 = 1e11


def seconds_until_allowed(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, at most an hour; None where no header says so.

    Args:
        headers: Of the answer, with names in lower case.
    """
    for name in _NAMES:
        seconds = _seconds(headers.get(name, "").strip())
        if seconds is not None:
            return min(max(seconds, 0.0), LONGEST_S)
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
