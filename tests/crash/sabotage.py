"""Rules of the protocol, broken on purpose: a harness that finds nothing wrong with these finds nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from tuneloop.errors import ProviderError, RateLimited, RequestRejected
from tuneloop.http.transport import RequestNotSent
from tuneloop.ledger import collection
from tuneloop.orchestration import polling
from tuneloop.orchestration.recovery import ResumeResult
from tuneloop.providers.base import SubmitMargins
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.storage.local import LocalDirectory

_STUBBORN_TIMES = 12


def _replace(owner: Any, name: str, by: Any) -> None:
    """Replace what is there; what has another name by now would be broken in vain."""
    if not hasattr(owner, name):
        raise AttributeError(f"{owner} has no {name} to break")
    setattr(owner, name, by)


def _resend() -> None:
    """Send the paid POST again where its answer is not clear."""
    providers: Any = SegmindProvider
    submit = providers.submit

    def twice(provider: SegmindProvider, *arguments: Any) -> Any:
        try:
            return submit(provider, *arguments)
        except (RequestRejected, RateLimited, RequestNotSent):
            raise
        except ProviderError:
            return submit(provider, *arguments)

    _replace(providers, "submit", twice)


def _resend_for_ever() -> None:
    """Send the paid POST again and again, and each image too."""
    providers: Any = SegmindProvider
    for name in ("submit", "render"):
        _replace(providers, name, _stubborn(getattr(providers, name)))


def _stubborn(send: Callable[..., Any]) -> Callable[..., Any]:
    def sent(provider: SegmindProvider, *arguments: Any) -> Any:
        for _ in range(_STUBBORN_TIMES - 1):
            with suppress(ProviderError):
                return send(provider, *arguments)
        return send(provider, *arguments)

    return sent


def _take_over_at_once() -> None:
    """Take absence from the list for evidence without waiting for the margins."""
    _replace(SubmitMargins, "ambiguous_for", property(lambda _: timedelta(seconds=-60)))


def _drop_weights() -> None:
    """Record weights as collected that the store does not have."""
    collecting: Any = collection
    transfer = collecting.transfer

    def drop(store: LocalDirectory, name: str, *rest: Any) -> Any:
        stored = transfer(store, name, *rest)
        (store._folder / name).unlink()
        return stored

    _replace(collecting, "transfer", drop)


def _never_wake() -> None:
    """Let the sensor wake nobody, and have nobody continued."""
    _replace(polling, "resume_runs", lambda *_: ResumeResult())


SABOTAGES: dict[str, Callable[[], None]] = {
    "resend": _resend,
    "resend-for-ever": _resend_for_ever,
    "take-over-at-once": _take_over_at_once,
    "drop-weights": _drop_weights,
    "never-wake": _never_wake,
}
"""By name."""
