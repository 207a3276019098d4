"""Segmind's documented statuses and bodies, and the error each of them is to us.

Sources: Segmind, Flux Dev Finetuned page (names of the errors); Segmind's error and rate limit pages (numbers,
the four meanings of 406, the reset header).
"""

from __future__ import annotations

from datetime import datetime

from tuneloop.clock import now
from tuneloop.errors import (
    CredentialsRefused,
    NotAtProvider,
    OutOfCredits,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestRefused,
    UnexpectedAnswer,
)
from tuneloop.transport import Answer

_BY_STATUS: dict[int, tuple[type[ProviderError], str]] = {
    400: (RequestRefused, "the request was refused as invalid; the answer says which field"),
    401: (CredentialsRefused, "the API key is missing or wrong; put the right one into the credentials block"),
    403: (CredentialsRefused, "the API key may not do this; check the account's rights to this model"),
    404: (NotAtProvider, "there is no such job, model or route (yet); check the id and the base URL"),
    405: (RequestRefused, "this method is not served here; check the base URL"),
    406: (RequestRefused, "the request was not accepted; the answer says why"),
    410: (RequestRefused, "this model or service has been retired and takes no new requests"),
    422: (RequestRefused, "the request was refused; the answer says why"),
}
"""Status to error. Every other 4xx, 2xx or 3xx is not documented; every 5xx may pass."""


def error_for(answer: Answer) -> ProviderError:
    """Map an answer that is no success.

    Args:
        answer: Any answer; its body is only shown, redacted, and for 406 searched for what it means.
    """
    if answer.status == 429:  # noqa: PLR2004
        return RateLimited(
            "too many requests for this account's plan; the next try waits",
            retry_after_s=_seconds_until_reset(answer),
            **answer.details,
        )
    if answer.status == 406 and b"credit" in answer.body.lower():  # noqa: PLR2004
        return OutOfCredits("the account has not enough credits; top it up and run again", **answer.details)
    if answer.status in _BY_STATUS:
        kind, reason = _BY_STATUS[answer.status]
        return kind(reason, **answer.details)
    if answer.status >= 500:  # noqa: PLR2004
        return ProviderUnavailable("the service has a problem of its own; run again later", **answer.details)
    return UnexpectedAnswer("the answer is not as documented", **answer.details)


def _seconds_until_reset(answer: Answer) -> float | None:
    """Read the rate limit's reset time: Segmind sends no Retry-After, but a UTC time in a header of its own."""
    text = answer.headers.get("x-rate-limit-reset-at-utc")
    if text is None:
        return None
    try:
        reset = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = now() if reset.tzinfo else now().replace(tzinfo=None)
    return max(0.0, (reset - moment).total_seconds())
