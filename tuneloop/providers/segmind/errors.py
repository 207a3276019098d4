"""Segmind's documented statuses and bodies, and the error each of them is to us.

Sources: Segmind, Flux Dev Finetuned page (names of the errors); Segmind's error and rate limit pages (numbers,
the four meanings of 406).
"""

from __future__ import annotations

from tuneloop.errors import (
    AuthenticationFailed,
    InsufficientCredits,
    NotFoundAtProvider,
    ProviderError,
    RequestRejected,
)
from tuneloop.http.response import Response
from tuneloop.providers.status_errors import Meaning, error_by_status

_BY_STATUS: dict[int, Meaning] = {
    400: (RequestRejected, "the request was rejected as invalid; the response says which field"),
    403: (AuthenticationFailed, "the API key may not do this; check the account's rights to this model"),
    404: (NotFoundAtProvider, "there is no such job, model or route (yet); check the id and the base URL"),
    406: (RequestRejected, "the request was not accepted; the response says why"),
    410: (RequestRejected, "this model or service has been retired and takes no new requests"),
    422: (RequestRejected, "the request was rejected; the response says why"),
}


def map_error(response: Response) -> ProviderError:
    """Map a response that is no success; its body is redacted, and for 406 searched for what it means."""
    if response.status == 406 and b"credit" in response.body.lower():  # noqa: PLR2004
        return InsufficientCredits(
            "the account does not have enough credits; top it up and run again", **response.details
        )
    return error_by_status(response, _BY_STATUS)
