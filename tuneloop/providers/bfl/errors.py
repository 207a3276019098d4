"""BFL's documented statuses, bodies and states, and the error or phase each of them is to us.

Sources: BFL, OpenAPI (422 and its detail list, states of `get_result`); BFL, help page on failed requests (400,
402, 403, 429, 500, 503).
Bodies come as `{"detail": …}` from the service and as `{"error", "message"}` on newer pages; both are only shown.
"""

from __future__ import annotations

import json
from typing import Any

from tuneloop.errors import (
    AuthenticationFailed,
    NotFoundAtProvider,
    ProviderError,
    RequestRejected,
    UnexpectedResponse,
)
from tuneloop.http.response import Response
from tuneloop.providers.status_errors import Meaning, error_by_status
from tuneloop.redaction import excerpt, redact
from tuneloop.schemas.training import Phase

_BY_STATUS: dict[int, Meaning] = {
    400: (RequestRejected, "the request was rejected as invalid"),
    403: (AuthenticationFailed, "the API key may not do this; check the key and the region"),
    404: (
        NotFoundAtProvider,
        "there is no such fine-tune or route; a fine-tune lives only in the region it was made in",
    ),
    410: (RequestRejected, "this service has been retired and takes no new requests"),
    422: (RequestRejected, "the request was rejected as invalid"),
}
PHASES: dict[str, Phase] = {
    "Pending": "running",
    "Ready": "ready",
    "Error": "failed",
    "Request Moderated": "failed",
    "Content Moderated": "failed",
}
"""State words of `get_result`. "Task not found" is looked at more closely."""

WITH_STATE = (200, 404, 422)
"""Statuses under which `get_result` shows a state: 200 by its page; 404 and 422 have been seen with one."""

_NOT_READY = "not found or not ready"
_FIELDS_SHOWN = 5


def map_error(response: Response) -> ProviderError:
    """Map a response that is no success; what a 422 echoes of the request is never shown."""
    details = {**response.details, "excerpt": _without_echo(response)}
    if _NOT_READY in details["excerpt"] and response.status < 500:  # noqa: PLR2004
        return NotFoundAtProvider("the fine-tune is not ready, or lives in another region", **details)
    return error_by_status(response, _BY_STATUS, details)


def _without_echo(response: Response) -> str:
    """Say which fields were refused and why. Its validation errors echo the whole request, zip included."""
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        # Of a long one only the beginning was read. A field and the reason stand before what it echoes.
        return excerpt(response.body.partition(b'"input"')[0], response.secrets)
    detail = document.get("detail") if isinstance(document, dict) else None
    if not isinstance(detail, list):
        return str(response.details["excerpt"])
    shown = [_field(item) for item in detail[:_FIELDS_SHOWN] if isinstance(item, dict)]
    return redact("; ".join(shown), response.secrets)[:500]


def _field(item: dict[str, Any]) -> str:
    place = item.get("loc")
    where = ".".join(str(part)[:40] for part in place) if isinstance(place, list) else "the request"
    return f"{where}: {str(item.get('msg', 'no reason given'))[:200]}"


def status_of(response: Response) -> str:
    """The state that a result shows. Raises the mapped error where it shows none."""
    document = response.json()
    word = document.get("status") if isinstance(document, dict) else None
    if isinstance(word, str) and word.strip():
        return word.strip()
    if response.status != 200:  # noqa: PLR2004
        raise map_error(response)
    raise UnexpectedResponse("the result should hold a status", **response.details)
