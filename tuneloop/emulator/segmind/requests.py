"""How a request reaches a handler: the key, then the body in one of Segmind's encodings."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tuneloop.emulator.base_url import origin_of
from tuneloop.emulator.segmind.refusals import Refused, Unauthorized

API_KEY = "SG_0123456789abcdef"

Fields = dict[str, Any]
Handler = Callable[[Fields, str], Response]
"""Takes the fields of a request and the origin it came to."""
Reader = Callable[[Request], Awaitable[Fields]]


def endpoint(handler: Handler, read: Reader, *, key: bool = True) -> Callable[[Request], Awaitable[Response]]:
    """Return an ASGI endpoint that checks the `key`, reads the fields, and leaves the loop to the handler."""

    async def called(request: Request) -> Response:
        if key:
            _authenticate(request)
        fields = await read(request)
        return await run_in_threadpool(handler, fields, origin_of(request))

    return called


def _authenticate(request: Request) -> None:
    key = request.headers.get("x-api-key")
    if key is None and "authorization" not in request.headers:
        raise Refused(401, "Missing Authorization or x-api-key in header")
    if key != API_KEY:  # a right key sent as a bearer token is refused as well
        raise Unauthorized


async def json_fields(request: Request) -> Fields:
    """Read a JSON object.

    Raises:
        Refused: for another content type or another body.
    """
    if _media_type(request) != "application/json":
        raise Refused(406, "Content-Type must be application/json")
    try:
        body = await request.json()
    except ValueError:
        raise Refused(400, "The body is not JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "The body must be a JSON object")
    return body


async def form_fields(request: Request) -> Fields:
    """Read a form in both encodings in use: multipart (the pages' curl) and urlencoded (the SDK).

    Raises:
        Refused: for another content type or another body.
    """
    if _media_type(request) not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        raise Refused(406, "Content-Type must be that of a form, multipart or urlencoded")
    try:
        async with request.form() as form:
            return dict(form)
    except HTTPException:
        raise Refused(400, "The body is not a form") from None


def _media_type(request: Request) -> str:
    """Return the type of a body, whose letters' case means nothing."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def no_fields(_: Request) -> Fields:
    """Read nothing: the request has no body."""
    return {}


def text_field(fields: Fields, name: str) -> str:
    """Return a field that must be a text.

    Raises:
        Refused: if it is missing, blank or something else.
    """
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Refused(400, f"{name} is required")
    return value


def id_field(fields: Fields, name: str) -> str:
    """Return a field that must be an id: a text, or a number.

    Raises:
        Refused: if it is missing, blank or something else.
    """
    value = fields.get(name)
    return str(value) if type(value) is int else text_field(fields, name)
