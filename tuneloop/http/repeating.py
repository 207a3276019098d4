"""Asking again, for requests that cost nothing and change nothing."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from tuneloop.errors import PresignedUrlExpired, ProviderUnavailable, RateLimited

RETRY_AFTER_LIMIT_S = 30
_MAY_PASS = (None, 429, 500, 502, 503, 504)
"""Statuses after which it is worth while; None where no answer came."""

_T = TypeVar("_T")


def repeated(ask: Callable[[], _T], tries: int) -> _T:
    """Ask until there is an answer, or no use in asking; its last error is raised.

    Args:
        ask: Sends one GET or HEAD.
        tries: How often, at most.
    """
    for tried in range(1, tries):
        try:
            return ask()
        except ProviderUnavailable as error:
            pause_s = _pause_s(error, tried)
            if pause_s is None:
                raise
        time.sleep(pause_s)
    return ask()


def _pause_s(error: ProviderUnavailable, tried: int) -> float | None:
    """Seconds to wait, None where asking again at once is of no use."""
    if isinstance(error, PresignedUrlExpired) or error.status not in _MAY_PASS:
        return None
    if error.retry_after_s is not None:
        return error.retry_after_s if error.retry_after_s <= RETRY_AFTER_LIMIT_S else None
    # Without a time to wait for, asking a busy provider at once makes it worse.
    if isinstance(error, RateLimited):
        return None
    return 0.3 * 2.0 ** (tried - 1) + random.uniform(0, 0.2)  # noqa: S311 - no secret
