"""Keys of webhooks, which a provider is asked for and which are then kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from tuneloop.errors import ProviderError

ASKED_AGAIN_S = 60
"""A key that fits no call may have been replaced, or the call is forged. Calls cause no more than one question in
this time, also where it fails."""

_T = TypeVar("_T")


class KeptAnswer(Generic[_T]):
    """What a provider answers to `ask`, from when it is first needed on."""

    def __init__(self, ask: Callable[[], _T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._answers: list[_T] = []
        """The newest one, none before the first."""
        self._answered_at = self._failed_at = 0.0
        self._failure: ProviderError | None = None

    def get(self, kept_s: float) -> _T:
        """The answer, asked for again where it is older than that.

        Raises:
            ProviderError: It cannot be had just now.
        """
        with self._lock:
            at = time.monotonic()
            if not self._answers or at - self._answered_at > kept_s:
                if self._failure is not None and at - self._failed_at <= ASKED_AGAIN_S:
                    raise self._failure.with_traceback(None)
                try:
                    self._answers = [self._ask()]
                except ProviderError as error:
                    self._failure, self._failed_at = error, time.monotonic()
                    raise
                self._answered_at, self._failure = time.monotonic(), None
            return self._answers[0]
