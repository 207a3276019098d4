"""HTTP responses, read whole within limits or as a stream."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from tuneloop.clock import now
from tuneloop.errors import UnexpectedResponse
from tuneloop.http.bodies import BodyRejected, decoded, read_up_to
from tuneloop.redaction import excerpt

_SIZE = re.compile(r"[0-9]{1,18}")
_ERROR_BYTES = 64 << 10
"""Read of a response that is no success: enough to say why."""


@dataclass(frozen=True)
class Response:
    """One HTTP response, read whole."""

    provider: str
    status: int
    headers: Mapping[str, str]
    """Header names in lower case."""
    body: bytes
    """Decoded; only its beginning where the status was not accepted."""
    secrets: tuple[str, ...]
    """Values that must not be shown of it."""

    @property
    def request_id(self) -> str | None:
        return self.headers.get("x-request-id") or self.headers.get("x-amz-request-id")

    @property
    def details(self) -> dict[str, Any]:
        """Arguments of every `ProviderError` about this response."""
        return {
            "provider": self.provider,
            "status": self.status,
            "request_id": self.request_id,
            "excerpt": excerpt(self.body, self.secrets),
        }

    @property
    def clock_offset_s(self) -> float | None:
        """How far its `Date` (RFC 9110, 6.6.1) is ahead of our clock; None where it has none."""
        try:
            return parsedate_to_datetime(self.headers.get("date", "")).timestamp() - now().timestamp()
        except (ValueError, OverflowError, OSError):
            return None

    def json(self) -> Any:
        """The body as JSON. Raises `UnexpectedResponse` where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise UnexpectedResponse(
                "the response should be JSON and is not; check the base URL", **self.details
            ) from None


@dataclass(frozen=True)
class StreamedResponse:
    """One HTTP response whose body is still to be read."""

    status: int
    headers: Mapping[str, str]
    """Header names in lower case."""
    chunks: Iterator[bytes]
    """The raw body; raises where it ends too early."""


def content_length(headers: Mapping[str, str]) -> int | None:
    """The Content-Length, None where there is no valid one."""
    text = headers.get("content-length", "")
    return int(text) if _SIZE.fullmatch(text) else None


def lower_case(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers with their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}


def read_response(
    response: requests.Response, provider: str, secrets: tuple[str, ...], limit_bytes: int | None
) -> Response:
    """Read a response whole; of one that is no success (`limit_bytes` None) the beginning is enough.

    Raises:
        UnexpectedResponse: It is larger, or encoded in a way that was not asked for.
    """
    headers = lower_case(response.headers)
    truncate, limit = limit_bytes is None, limit_bytes or _ERROR_BYTES
    try:
        data = read_up_to(response, limit, truncate=truncate)
        body = decoded(data, headers.get("content-encoding", ""), limit, truncate=truncate)
    except BodyRejected as error:
        # The status has arrived, and says more than that the body cannot be read.
        unreadable = Response(provider, response.status_code, headers, f"(not shown: {error})".encode(), secrets)
        if truncate:
            return unreadable
        raise UnexpectedResponse(f"the response cannot be read: {error}", **unreadable.details) from None
    return Response(provider, response.status_code, headers, body, secrets)
