"""Replicate's responses to what it does not accept: problem details, of which not every one has a title.

Sources: Replicate's OpenAPI document of March 2026 (413, 404 of a file); recorded exchanges of its own clients
(401, a destination that is missing); recordings of other clients (402, 422, 429). Other words are ours.
"""

from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tuneloop.emulator import calls
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.faults import Fault

_USUAL: dict[int, tuple[str | None, str]] = {
    401: ("Unauthenticated", "You did not pass a valid authentication token"),
    402: ("Insufficient credit", "The account has no credit left; buy some and try again."),
    404: (None, "The requested resource could not be found."),
}
_MEANINGS: dict[str, tuple[str | None, str]] = {
    "destination": (None, "The specified training destination does not exist"),
    "version": ("Invalid version or not permitted", "The version does not exist, or this token may not use it."),
}
"""What a fault's `reason` may ask for by one word."""


def problem(
    status: int, detail: str, title: str | None = None, headers: dict[str, str] | None = None, **fields: Any
) -> Response:
    """Return an error as Replicate writes it."""
    titled = {"title": title} if title else {}
    document = {**titled, "detail": detail, "status": status, **fields}
    return JSONResponse(document, status, headers, media_type="application/problem+json")


class Rejected(calls.Rejected):
    """A request that is not accepted, and why."""

    def __init__(self, status: int, detail: str, title: str | None = None, **fields: Any) -> None:
        super().__init__(problem(status, detail, title, **fields))


def unauthenticated() -> Rejected:
    """A token that is missing or wrong."""
    title, detail = _USUAL[401]
    return Rejected(401, detail, title)


def no_destination() -> Rejected:
    """A training whose destination does not exist."""
    return Rejected(404, _MEANINGS["destination"][1])


def no_version() -> Rejected:
    """A version that there is not, or not any more."""
    title, detail = _MEANINGS["version"]
    return Rejected(422, detail, title)


def not_found(what: str = "") -> Rejected:
    """A thing that there is not."""
    return Rejected(404, what or _USUAL[404][1])


def unknown_route(_: Request, __: Exception) -> Response:
    """Respond to a path that does not exist."""
    return problem(404, _USUAL[404][1])


def wrong_verb(_: Request, __: Exception) -> Response:
    """Respond to a wrong verb."""
    return problem(405, "Method not allowed.")


def fault_response(emulation: Emulation, fault: Fault) -> Response:
    """Respond with a fault's status; a 429 says in a header and in words when its window ends."""
    if fault.status == 429:
        left = round(emulation.switches.now.rate_window_s)
        headers = {"ratelimit-remaining": "0", "ratelimit-reset": str(left)}
        return problem(429, f"Request was throttled. Your rate limit resets in ~{left}s.", headers=headers)
    usual = _USUAL.get(fault.status, (None, HTTPStatus(fault.status).phrase))
    title, detail = _MEANINGS.get(fault.reason, (usual[0], fault.reason or usual[1]))
    return problem(fault.status, detail, title)
