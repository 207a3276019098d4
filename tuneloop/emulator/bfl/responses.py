"""BFL's responses to what it does not accept: FastAPI's, whose `detail` is a text or a list of field errors.

Sources: BFL: OpenAPI, spring 2025 (422); logs in issues 4, 10 and 15 of ComfyUI_Flux_1.1_RAW_API (403, a model
that is not ready, a 422 that echoes the whole request with the archive in it); a client's error table of 2026
(400 and 404 for unknown finetunes, 402).
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from tuneloop.emulator import calls
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.faults import Fault

_URL = "https://errors.pydantic.dev/2.10/v/"
_MESSAGES = {
    400: "Bad Request",
    401: "Not authenticated",
    402: "Insufficient credits",
    403: "Not authenticated - Invalid Authentication",
    404: "Not Found",
    410: "This endpoint has been discontinued",
    429: "Too many active tasks",
    503: "Service Unavailable",
}
_RETRY_AFTER_S = 5


class Rejected(calls.Rejected):
    """A request that is not accepted, and the text that says why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(JSONResponse({"detail": detail}, status))


class Invalid(calls.Rejected):
    """A request with invalid fields in its `place`, body or query; what was sent comes back, archive and all.

    Of each error, an object as pydantic writes it; `loc` without the place.
    """

    def __init__(self, errors: Sequence[Mapping[str, Any]], place: str = "body") -> None:
        detail = [{**error, "loc": [place, *error["loc"]]} for error in errors]
        for error in detail:
            if "url" in error:
                # With the version of pydantic that BFL ran, in place of the one that is installed here.
                error["url"] = _URL + error["type"]
        # As FastAPI writes it: compact, and what is no JSON (an exception) as an empty object.
        text = json.dumps({"detail": detail}, ensure_ascii=False, separators=(",", ":"), default=lambda _: {})
        # Half a surrogate pair has no UTF-8, but an escape.
        content = text.encode(errors="backslashreplace")
        super().__init__(Response(content, 422, media_type="application/json"))


def missing(*name: str) -> dict[str, Any]:
    """Return the error of a query without one of its fields; without a name, of a request without a body."""
    return {"type": "missing", "loc": name, "msg": "Field required", "input": None, "url": _URL}


def value_error(reason: str, received: Any) -> dict[str, Any]:
    """Return the error of a body that is wrong as a whole."""
    message = f"Value error, {reason}"
    return {"type": "value_error", "loc": [], "msg": message, "input": received, "ctx": {"error": {}}, "url": _URL}


def broken_json(position: int, reason: str) -> dict[str, Any]:
    """Return the error of a body that is no JSON."""
    context = {"error": reason}
    return {"type": "json_invalid", "loc": [position], "msg": "JSON decode error", "input": {}, "ctx": context}


def fault_response(_: Emulation, fault: Fault) -> Response:
    """Respond with a fault's status; a 429 for the reason `retry after` says in a header when to come back."""
    if fault.status == 500 and not fault.reason:
        return PlainTextResponse("Internal Server Error", 500)
    usual = _MESSAGES.get(fault.status) or HTTPStatus(fault.status).phrase
    if fault.reason == "retry after":
        return JSONResponse({"detail": usual}, fault.status, {"Retry-After": str(_RETRY_AFTER_S)})
    return JSONResponse({"detail": fault.reason or usual}, fault.status)
