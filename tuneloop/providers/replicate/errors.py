"""Replicate's documented statuses, and the error each of them is to us.

Sources: Replicate, OpenAPI document of March 2026 (413); answers recorded by its own clients (401, 404 for a
destination) and by others' (402, 422, 429). Bodies are problem details, of which not every one has a title.
"""

from __future__ import annotations

from tuneloop.errors import (
    AuthenticationFailed,
    NotFoundAtProvider,
    ProviderError,
    ProviderUnavailable,
    RequestRejected,
)
from tuneloop.http.response import Response
from tuneloop.providers.status_errors import Meaning, error_by_status

_BY_STATUS: dict[int, Meaning] = {
    400: (RequestRejected, "the request was rejected as invalid; the response says why"),
    403: (
        AuthenticationFailed,
        "the API token may not do this; check that owner in the credentials block is the token's own account",
    ),
    404: (NotFoundAtProvider, "there is no such training, model or file, or not any more"),
    413: (RequestRejected, "the file is too large: Replicate takes less than 100 MB"),
    422: (
        RequestRejected,
        "the request was rejected: the response says which input, or that the trainer's version is gone",
    ),
}


def map_error(response: Response) -> ProviderError:
    """Map a response that is no success."""
    if response.status == 404 and b"destination" in response.body:  # noqa: PLR2004
        return RequestRejected(
            "the model that trainings go to does not exist any more; run again, and it is made", **response.details
        )
    return error_by_status(response, _BY_STATUS)


def archive_error(reason: str) -> ProviderError:
    """What is wrong with an archive of weights."""
    return ProviderUnavailable(
        f"the archive of the trained weights {reason}; they are still at the provider: run again later, or "
        "download them from the training's page",
        provider="replicate",
    )
