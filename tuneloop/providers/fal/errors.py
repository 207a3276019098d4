"""fal's documented statuses, bodies and states, and the error or phase each of them is to us.

Sources: fal, errors page (a detail list for a model's own errors, a text and `error_type` for those of the queue),
queue page (states); its platform's OpenAPI (`error.message`). That an account without balance is told so by a 403
with a text is from reports of users.
"""

from __future__ import annotations

import json
from typing import Any

from tuneloop.errors import (
    AuthenticationFailed,
    InsufficientCredits,
    NotFoundAtProvider,
    ProviderError,
    RequestRejected,
)
from tuneloop.http.response import Response
from tuneloop.providers.status_errors import Meaning, error_by_status
from tuneloop.redaction import excerpt
from tuneloop.schemas.training import Phase

_BY_STATUS: dict[int, Meaning] = {
    400: (RequestRejected, "the request was rejected; the response says why"),
    403: (AuthenticationFailed, "the API key may not do this; check the key's scope and the account"),
    404: (
        NotFoundAtProvider,
        "there is no such request, trainer or file (any more); check the id and the base URL",
    ),
    410: (RequestRejected, "this trainer or service has been retired and takes no new requests"),
    422: (RequestRejected, "the request was rejected as invalid; the response says which field"),
}
PHASES: dict[str, Phase] = {"IN_QUEUE": "running", "IN_PROGRESS": "running", "COMPLETED": "ready"}
"""State words. A request that has failed is COMPLETED and has an error."""

_FIELDS_SHOWN = 5


def map_error(response: Response) -> ProviderError:
    """Map a response that is no success; what an invalid request's detail echoes of it is never shown."""
    details = {
        **response.details,
        "excerpt": _without_echo(response),
        "request_id": response.headers.get("x-fal-request-id") or response.request_id,
    }
    if response.status == 403 and b"balance" in response.body.lower():  # noqa: PLR2004
        return InsufficientCredits("the account has no balance; top it up and run again", **details)
    return error_by_status(response, _BY_STATUS, details)


def _without_echo(response: Response) -> str:
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        return excerpt(response.body.partition(b'"input"')[0], response.secrets)
    detail = document.get("detail") if isinstance(document, dict) else None
    text = reasons_of(detail) if isinstance(detail, list) else json.dumps(document)
    return excerpt(text.encode(), response.secrets)


def reasons_of(detail: list[Any]) -> str:
    """Which fields were refused, and why."""
    rows = [row for row in detail if isinstance(row, dict)]
    shown = (f"{'.'.join(map(str, row.get('loc') or ()))}: {row.get('msg')}" for row in rows[:_FIELDS_SHOWN])
    return "; ".join(shown)
