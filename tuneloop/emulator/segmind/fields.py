"""How a request to Segmind reaches a handler: the key, the body in one of its encodings, and its fields.

Whatever is wrong with one is a `Rejected`: 400 for a missing, unknown or mistyped field, 401 for the key, 406 for
another content type or a value out of bounds.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from tuneloop.emulator.calls import Reader
from tuneloop.emulator.segmind.responses import Rejected

API_KEY = "SG_0123456789abcdef"

Fields = dict[str, Any]


def text(fields: Fields, name: str) -> str:
    """Return a field that must be a text."""
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Rejected(400, f"{name} is required")
    return value


def id_text(fields: Fields, name: str) -> str:
    """Return a field that must be an id: a text, or a number."""
    value = fields.get(name)
    return str(value) if type(value) is int else text(fields, name)


def keyed(read: Reader) -> Reader:
    """Return a reader that checks the key first."""

    async def checked(request: Request) -> Any:
        key = request.headers.get("x-api-key")
        if key is None and "authorization" not in request.headers:
            raise Rejected(401, "Missing Authorization or x-api-key in header")
        if key != API_KEY:  # a right key sent as a bearer token is rejected as well
            raise Rejected(401, "Unauthorized", error_description="Invalid API key", status_code=401)
        return await read(request)

    return checked


async def json_fields(request: Request) -> Fields:
    """Read a JSON object."""
    if _media_type(request) != "application/json":
        raise Rejected(406, "Content-Type must be application/json")
    try:
        body = await request.json()
    except ValueError:
        raise Rejected(400, "The body is not JSON") from None
    if not isinstance(body, dict):
        raise Rejected(400, "The body must be a JSON object")
    return body


async def form_fields(request: Request) -> Fields:
    """Read a form in both encodings in use: multipart (the pages' curl) and urlencoded (the SDK)."""
    if _media_type(request) not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        raise Rejected(406, "Content-Type must be that of a form, multipart or urlencoded")
    try:
        async with request.form() as form:
            return dict(form)
    except HTTPException:
        raise Rejected(400, "The body is not a form") from None


def _media_type(request: Request) -> str:
    """Return the type of a body, whose letters' case means nothing."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


class Body(BaseModel):
    """A JSON body: no other field, and no value of another type, passes."""

    model_config = ConfigDict(extra="forbid", strict=True)


Text = Annotated[str, Field(pattern=r"\S")]
"""A text that is not blank."""
_OUT_OF_BOUNDS = ("literal_error", "greater_than_equal", "less_than_equal")


def check(model: type[Body], body: Fields) -> None:
    """Reject a body for the first thing that is wrong with it; see above for the statuses."""
    try:
        model.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "missing":
            raise Rejected(400, f"{name} is required") from None
        raise Rejected(406 if first["type"] in _OUT_OF_BOUNDS else 400, f"{name}: {first['msg']}") from None
