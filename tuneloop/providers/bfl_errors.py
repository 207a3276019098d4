"""BFL's documented statuses and bodies, and the error each of them is to us.

Sources: BFL, OpenAPI (422 and its detail list); BFL, help page on failed requests (400, 402, 403, 429, 500, 503).
Bodies come as `{"detail": …}` from the service and as `{"error", "message"}` on newer pages; both are only shown.
"""

from __future__ import annotations

import json
from typing import Any

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
from tuneloop.redaction import redact
from tuneloop.transport import Answer

_BY_STATUS: dict[int, tuple[type[ProviderError], str]] = {
    400: (RequestRefused, "the request was refused as invalid"),
    401: (CredentialsRefused, "the API key is missing or wrong; put the right one into the credentials block"),
    402: (OutOfCredits, "the account has not enough credits; top it up and run again"),
    403: (CredentialsRefused, "the API key may not do this; check the key and the region"),
    404: (
        NotAtProvider,
        "there is no such fine-tune or route; a fine-tune lives only in the region it was made in",
    ),
    405: (RequestRefused, "this method is not served here; check the base URL"),
    410: (RequestRefused, "this service has been retired and takes no new requests"),
    422: (RequestRefused, "the request was refused as invalid"),
}
_NOT_READY = "not found or not ready"
_FIELDS_SHOWN = 5


def error_for(answer: Answer) -> ProviderError:
    """Map an answer that is no success; what a 422 echoes of the request is never shown."""
    details = {**answer.details, "excerpt": _without_echo(answer)}
    if _NOT_READY in details["excerpt"] and answer.status < 500:  # noqa: PLR2004
        return NotAtProvider("the fine-tune is not ready, or lives in another region", **details)
    if answer.status == 429:  # noqa: PLR2004
        return RateLimited(
            "too many requests or active tasks for this account; the next try waits",
            retry_after_s=_retry_after(answer),
            **details,
        )
    if answer.status in _BY_STATUS:
        kind, reason = _BY_STATUS[answer.status]
        return kind(reason, **details)
    if answer.status >= 500:  # noqa: PLR2004
        return ProviderUnavailable("the service has a problem of its own; run again later", **details)
    return UnexpectedAnswer("the answer is not as documented", **details)


def _without_echo(answer: Answer) -> str:
    """Say which fields were refused and why. Its validation errors echo the whole request, zip included."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return str(answer.details["excerpt"])
    detail = document.get("detail") if isinstance(document, dict) else None
    if not isinstance(detail, list):
        return str(answer.details["excerpt"])
    shown = [_field(item) for item in detail[:_FIELDS_SHOWN] if isinstance(item, dict)]
    return redact("; ".join(shown), answer.secrets)[:500]


def _field(item: dict[str, Any]) -> str:
    place = item.get("loc")
    where = ".".join(str(part)[:40] for part in place) if isinstance(place, list) else "the request"
    return f"{where}: {str(item.get('msg', 'no reason given'))[:200]}"


def _retry_after(answer: Answer) -> float | None:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None
