"""What an HTTP status says where a provider's own pages say nothing else.

Source: RFC 9110, 15 (what each status means), and RFC 6585 (428, 429, 431).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tuneloop.errors import (
    AuthenticationFailed,
    InsufficientCredits,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnexpectedResponse,
)
from tuneloop.http.response import Response
from tuneloop.http.retries import seconds_until_allowed

Meaning = tuple[type[ProviderError], str]

_ON_THE_WAY = "a server or proxy on the way does not take such a request; check the base URL and the proxy"
_USUAL: dict[int, Meaning] = {
    401: (AuthenticationFailed, "the API key is missing or wrong; put the right one into the credentials block"),
    402: (InsufficientCredits, "the account does not have enough credits; top it up and run again"),
    405: (RequestRejected, "this method is not allowed here; check the base URL"),
    407: (RequestRejected, "a proxy on the way asks for a password; put user and password into its variable"),
    409: (
        RequestRejected,
        "it conflicts with what the account already has, such as a job of this name; check its console",
    ),
    413: (RequestRejected, "the request is too large for the provider; take fewer or smaller images"),
    414: (RequestRejected, "the request's address is too long; check the base URL"),
    415: (RequestRejected, "the request's content type is not accepted here; check the base URL"),
    431: (RequestRejected, "the request's headers are too large; check the API key and the proxy"),
    **dict.fromkeys((411, 412, 417, 421, 426, 428), (RequestRejected, _ON_THE_WAY)),
    451: (RequestRejected, "the provider may not serve this for legal reasons; ask its support"),
}
"""Refusals that say that nothing was accepted. 408 and 425 are none: a server in between may response so."""

_REFUSALS = {400, 406, 410, 422, 451}
"""What is said of a request's content; the others are about its size, the key, the address or what is there."""


def is_refusal(error: Exception) -> bool:
    """Return True if a provider refuses a training for what it is, so that another trainer may take it."""
    return type(error) is RequestRejected and error.status in _REFUSALS


def error_by_status(
    response: Response, documented: Mapping[int, Meaning], details: Mapping[str, Any] | None = None
) -> ProviderError:
    """Map a response that is no success; what the provider's own pages say (`documented`) wins.

    `details` is what the error says of the response, where that is not what every response says of itself.
    """
    details, status = details or response.details, response.status
    if status == 429:  # noqa: PLR2004
        return RateLimited(
            "too many requests or active tasks for this account; the next try waits",
            retry_after_s=seconds_until_allowed(response.headers),
            **details,
        )
    meaning = documented.get(status) or _USUAL.get(status)
    if meaning is not None:
        return meaning[0](meaning[1], **details)
    # 303 says that a POST has been carried out, and where its result is.
    if 300 <= status < 400 and status != 303:  # noqa: PLR2004
        return RequestRejected(_redirected(response), **details)
    if status >= 500:  # noqa: PLR2004
        return ProviderUnavailable(
            "the service has an internal problem; run again later",
            retry_after_s=seconds_until_allowed(response.headers),
            **details,
        )
    return UnexpectedResponse("the response is not as documented", **details)


def _redirected(response: Response) -> str:
    try:
        host = urlsplit(response.headers.get("location", "")).hostname
    except ValueError:
        host = None
    return (
        f"the server points to {host or 'another address'} instead, and the key is not sent after it; "
        "check the base URL"
    )
