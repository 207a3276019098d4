"""fal's responses to what it does not accept, in three forms.

Sources: errors and request-errors pages (`detail` as a text with an `error_type`, or as a list of field errors);
OpenAPI of the Platform API, August 2026 (`error` with a type and a message); answers to requests without a key
or to an unknown application, as third parties have probed them; fal-ai/fal issues 1112 and 1147 (403 of an
account without credits).
"""

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse, Response

from tuneloop.emulator import calls
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.faults import Fault

PLATFORM = "/v1/"
"""Prefix of the Platform API."""
ERROR_TYPES = {
    "request_timeout": 504,
    "startup_timeout": 504,
    "runner_scheduling_failure": 503,
    "runner_connection_timeout": 503,
    "runner_connection_error": 503,
    "runner_connection_refused": 503,
    "runner_disconnected": 503,
    "runner_incomplete_response": 502,
    "runner_server_error": 500,
    "internal_error": 500,
    "client_cancelled": 499,
    "client_disconnected": 499,
    "bad_request": 400,
}
"""HTTP status of each error of the infrastructure."""
_USUAL_TYPES = {
    400: "bad_request",
    429: "concurrent_requests_limit",
    499: "client_cancelled",
    500: "internal_error",
    502: "runner_incomplete_response",
    503: "runner_scheduling_failure",
    504: "request_timeout",
}
_LOCKED = "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
_PLATFORM_TYPES = {
    400: "validation_error",
    401: "authorization_error",
    403: "authorization_error",
    404: "not_found",
    429: "rate_limited",
}
_REQUEST_ID = "x-fal-request-id"


class Rejected(calls.Rejected):
    """A request that the queue or the storage does not accept, and the text that says why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(failed(status, detail))


class Invalid(calls.Rejected):
    """A request with wrong fields; `detail` has an object for each, as pydantic writes it."""

    def __init__(self, detail: list[dict[str, Any]]) -> None:
        super().__init__(JSONResponse({"detail": detail}, 422, {_REQUEST_ID: str(uuid.uuid4())}))


class NotOnPlatform(calls.Rejected):
    """A request that the Platform API does not accept."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(platform_error(status, message))


def field_error(loc: list[str | int], message: str, kind: str, **more: Any) -> dict[str, Any]:
    """Return one entry of a `detail` list."""
    return {"loc": loc, "msg": message, "type": kind, **more}


def failed(status: int, detail: str, error_type: str | None = None, request_id: str | None = None) -> Response:
    """Return an error of the infrastructure; without a type it is any other error of the same form."""
    headers = {_REQUEST_ID: request_id or str(uuid.uuid4())}
    if error_type is None:
        return JSONResponse({"detail": detail}, status, headers)
    headers["x-fal-error-type"] = error_type
    return JSONResponse({"detail": detail, "error_type": error_type}, status, headers)


def answered(document: Mapping[str, Any], request_id: str, status: int = 200) -> Response:
    """Return a response of the queue about one request."""
    return JSONResponse(document, status, {_REQUEST_ID: request_id})


def platform_error(status: int, message: str) -> Response:
    """Return an error of the Platform API."""
    kind = _PLATFORM_TYPES.get(status, "server_error")
    return JSONResponse({"error": {"type": kind, "message": message, "request_id": str(uuid.uuid4())}}, status)


def fault_response(_: Emulation, fault: Fault) -> Response:
    """Respond with a fault's status; the reason may be an error type, `credits`, or any text.

    A fault whose path begins as the Platform API's does is answered in its form.
    """
    phrase = HTTPStatus(fault.status).phrase if fault.status in set(HTTPStatus) else "Error"
    if fault.path.startswith(PLATFORM):
        return platform_error(fault.status, fault.reason or phrase)
    if fault.reason == "credits" or (fault.status == 403 and not fault.reason):
        return failed(fault.status, _LOCKED)
    if fault.reason in ERROR_TYPES:
        return failed(fault.status, phrase, fault.reason)
    return failed(fault.status, fault.reason or phrase, _USUAL_TYPES.get(fault.status))
