"""How a request to Segmind reaches a handler: the key, the body in one of its encodings, and its fields.

Whatever is wrong with one is a `Rejected`: 400 for a missing, unknown or mistyped field, 401 for the key, 406 for
another content type or a value out of bounds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

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


@dataclass(frozen=True)
class Field:
    """What one field of a JSON body may hold."""

    types: tuple[type, ...]
    type_name: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    required: bool = True
    blank: bool = False
    """Whether a text may be empty."""

    @property
    def optional(self) -> "Field":
        """The same field where it may be left out."""
        return replace(self, required=False)

    def check(self, name: str, value: Any) -> None:
        """Reject a value of a wrong type (400) or outside the documented values (406)."""
        # In Python True is an integer; in JSON it is not.
        mistyped = not isinstance(value, self.types) or (isinstance(value, bool) and bool not in self.types)
        empty = isinstance(value, str) and not self.choices and not self.blank and not value.strip()
        if mistyped or empty:
            raise Rejected(400, f"{name} must be {self.type_name}")
        if self.choices and value not in self.choices:
            raise Rejected(406, f"{name} must be one of {', '.join(self.choices)}")
        if self.low is not None and value < self.low:
            raise Rejected(406, f"{name} must be at least {self.low:g}")
        if self.high is not None and value > self.high:
            raise Rejected(406, f"{name} must be at most {self.high:g}")


TEXT = Field((str,), "a non-empty string")
FLAG = Field((bool,), "a boolean")
INTEGER = Field((int,), "an integer")
NUMBER = Field((int, float), "a number")
OBJECT = Field((dict,), "an object")
TEXT_OR_NULL = Field((str, type(None)), "a string or null", required=False, blank=True)


def choice(*choices: str) -> Field:
    """One of the documented words."""
    return Field((str,), "a string", choices=choices)


def check(body: Mapping[str, Any], fields: Mapping[str, Field], *, where: str = "", others: bool = False) -> None:
    """Check a JSON object field by field.

    Args:
        body: the object.
        fields: the fields it may have.
        where: prefix of the names in messages.
        others: whether it may have further fields, each a single value.
    """
    for name, value in body.items():
        if name not in fields and not others:
            raise Rejected(400, f"{where}{name} is not a field of this request")
        if name not in fields and not isinstance(value, str | int | float):
            raise Rejected(400, f"{where}{name} must be a single value")
    for name, field in fields.items():
        if name in body:
            field.check(f"{where}{name}", body[name])
        elif field.required:
            raise Rejected(400, f"{where}{name} is required")
