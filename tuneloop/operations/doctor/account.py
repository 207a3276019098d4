"""Does a provider respond, take the key and keep our time? One request, which costs nothing."""

from __future__ import annotations

from tuneloop.errors import (
    AuthenticationFailed,
    ClockWrong,
    ConfigurationError,
    ProviderError,
    ProviderUnavailable,
    UnexpectedResponse,
)
from tuneloop.ledger.evidence import check_clock
from tuneloop.operations.doctor.check import Check, ok, problem, unknown
from tuneloop.providers.base import Provider

_SAID: tuple[tuple[type[Exception], str], ...] = (
    (AuthenticationFailed, "the key is refused"),
    (ProviderUnavailable, "the provider does not respond as it should"),
    (UnexpectedResponse, "the response is not as documented"),
    (ProviderError, "the request is refused"),
    (ConfigurationError, "the provider cannot be called"),
)


def account_checks(name: str, provider: Provider) -> list[Check]:
    """Check an account by one request that costs nothing, and its provider's clock by the response."""
    try:
        provider.check_access()
    except tuple(kind for kind, _ in _SAID) as error:
        said = next(words for kind, words in _SAID if isinstance(error, kind))
        return [problem(name, said, str(error))]
    return [ok(name, f"{provider.name} responds and accepts the key"), _clock_check(f"{name}, clock", provider)]


def _clock_check(name: str, provider: Provider) -> Check:
    if provider.clock_offset_s is None:
        return unknown(
            name, "the provider does not report its time", "Compare this machine's clock with another one."
        )
    try:
        check_clock(provider)
    except ClockWrong as error:
        return problem(name, "is not in sync", str(error))
    return ok(name, "in sync with this machine's")
