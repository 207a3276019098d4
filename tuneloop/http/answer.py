"""An HTTP answer that was read whole, within limits."""

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
from tuneloop.http.bodies import BodyRefused, read_up_to, unpacked
from tuneloop.redaction import excerpt

_SIZE = re.compile(r"[0-9]{1,18}")
REFUSAL_BYTES = 64 << 10
"""What is read of an answer that is no success: enough to say why."""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, read whole.

    Attributes:
        provider: Who answered.
        status: HTTP status.
        headers: Header names in lower case.
        body: The body, unpacked; the beginning of it where the status was not accepted.
        secrets: What must not be shown of it.
    """

    provider: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    secrets: tuple[str, ...]

    @property
    def request_id(self) -> str | None:
        """The provider's id of this exchange, where it sends one."""
        return self.headers.get("x-request-id") or self.headers.get("x-amz-request-id")

    @property
    def details(self) -> dict[str, Any]:
        """What every error about this answer says."""
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
                "the answer should be JSON and is not; check the base URL", **self.details
            ) from None


def size_in(headers: Mapping[str, str]) -> int | None:
    """The Content-Length, None where there is none that can be one."""
    text = headers.get("content-length", "")
    return int(text) if _SIZE.fullmatch(text) else None


@dataclass(frozen=True)
class StreamedAnswer:
    """One HTTP answer whose body is still to be read.

    Attributes:
        status: HTTP status.
        headers: Header names in lower case.
        chunks: The raw body; it raises where the body ends too early.
    """

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


def read_answer(
    response: requests.Response, provider: str, secrets: tuple[str, ...], limit_bytes: int | None
) -> Answer:
    """Read an answer whole.

    Args:
        response: Its head has been read.
        provider: Who answers.
        secrets: What must not be shown of it.
        limit_bytes: How large it may be. None for an answer that is no success: its beginning is enough.

    Raises:
        UnexpectedResponse: It is larger, or packed in a way that was not asked for.
    """
    headers = {name.lower(): value for name, value in response.headers.items()}
    accepted, limit = limit_bytes is not None, limit_bytes or REFUSAL_BYTES

    def answer(body: bytes) -> Answer:
        return Answer(provider, response.status_code, headers, body, secrets)

    try:
        data = read_up_to(response, limit, cut=not accepted)
        return answer(unpacked(data, headers.get("content-encoding", ""), limit, cut=not accepted))
    except BodyRefused as error:
        # Whatever the body holds, its status has been heard, and says more than that it cannot be read.
        unreadable = answer(f"(not shown: {error})".encode())
        if not accepted:
            return unreadable
        raise UnexpectedResponse(f"the answer cannot be read: {error}", **unreadable.details) from None
