"""How a request to fal reaches a handler: the key, a JSON body, and the fields of a query.

Sources: queue page and inference API reference (`Authorization: Key …`), official Python client (its token for
uploads is sent as `Bearer`).
"""

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from tuneloop.emulator.calls import Reader
from tuneloop.emulator.fal.responses import Invalid, NotOnPlatform, Rejected, field_error

API_KEY = "0b5f2c1e-7a64-4c1d-9f3e-52d0a8b6c7e1:0123456789abcdef0123456789abcdef"
UPLOAD_TOKEN = "emulated-token-of-an-upload"  # noqa: S105 - public, as the key is

Checked = TypeVar("Checked", bound=BaseModel)
Query = dict[str, list[str]]
"""Every value of each field; those that were joined by commas are apart."""


def _authorized(request: Request, scheme: str, secret: str) -> bool:
    sent_scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    return (sent_scheme.lower(), sent.strip()) == (scheme, secret)


def _authenticate(request: Request) -> None:
    if _authorized(request, "key", API_KEY):
        return
    if "authorization" in request.headers:
        raise Rejected(401, "No user found for Key ID and Secret")
    app = "/".join(request.url.path.strip("/").split("/")[:2])
    message = f'Cannot access application "{app}". Authentication is required to access this application.'
    raise Rejected(401, message)


async def key_only(request: Request) -> None:
    """Accept the one key only."""
    _authenticate(request)


async def json_body(request: Request) -> dict[str, Any]:
    """Read a JSON object after the key."""
    _authenticate(request)
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise Invalid([field_error(["body"], "JSON decode error", "json_invalid")]) from None
    if not isinstance(body, dict):
        raise Invalid([field_error(["body"], "Input should be a valid dictionary", "dict_type")])
    return body


async def open_json_body(request: Request) -> Any:
    """Read JSON that needs no key: its address is the secret."""
    try:
        return json.loads(await request.body())
    except ValueError:
        raise Rejected(400, "The body is not JSON") from None


async def token_body(request: Request) -> bytes:
    """Read bytes after the token of an upload."""
    if not _authorized(request, "bearer", UPLOAD_TOKEN):
        raise Rejected(401, "Invalid token")
    return await request.body()


async def open_body(request: Request) -> bytes:
    """Read bytes that need no key: their address is the secret."""
    return await request.body()


def query(*, key: bool) -> Reader:
    """Return a reader of the query of the Platform API."""

    async def read(request: Request) -> Query:
        if (key or "authorization" in request.headers) and not _authorized(request, "key", API_KEY):
            raise NotOnPlatform(401, "Authentication required")
        values = request.query_params
        return {name: [part for value in values.getlist(name) for part in value.split(",")] for name in values}

    return read


def checked(model: type[Checked], received: dict[str, Any]) -> tuple[Checked | None, list[dict[str, Any]]]:
    """Return the input as its model, or None and what is wrong with it."""
    try:
        return model.model_validate(received), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        return None, [
            field_error(["body", *one["loc"]], one["msg"], one["type"], input=one["input"]) for one in found
        ]
