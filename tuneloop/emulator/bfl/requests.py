"""How a request reaches a handler of BFL, in the order of FastAPI: a body that is JSON, the key, the fields."""

import json
import tempfile
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from tuneloop.emulator.bfl.answers import Invalid, Refused, broken_json, missing, missing_body
from tuneloop.emulator.bfl.fields import Finetune
from tuneloop.emulator.json_upload import JsonUpload

API_KEY = "bfl-test-key-0123456789abcdef"

Body = TypeVar("Body", bound=BaseModel)


def authenticate(request: Request) -> None:
    """Let only the one key pass.

    Raises:
        Refused: for another one, or none.
    """
    key = request.headers.get("x-key")
    if key is None:
        raise Refused(403, "Not authenticated")
    if key != API_KEY:
        raise Refused(403, "Not authenticated - Invalid Authentication")


def query_field(request: Request, name: str) -> str:
    """Return a field of the query.

    Raises:
        Invalid: if it is not there.
    """
    if name not in request.query_params:
        raise Invalid([missing(name)], "query")
    return request.query_params[name]


async def small_body(request: Request) -> Any:
    """Read a body that fits into memory; nothing of it is checked yet.

    Raises:
        Invalid: if there is none, or it is no JSON.
    """
    content = await request.body()
    if not content:
        raise Invalid([missing_body()])
    if not _says_json(request):
        return content.decode(errors="replace")
    try:
        return json.loads(content)
    except ValueError as error:
        raise _no_json(error) from None


async def large_body(request: Request, long_field: str) -> JsonUpload:
    """Read a body with one long text in it to disk; nothing of it is checked yet.

    Raises:
        Invalid: if there is none, or it is no JSON.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the body is read from it
    async for chunk in request.stream():
        file.write(chunk)
    if not file.tell():
        raise Invalid([missing_body()])
    file.flush()
    if not _says_json(request):
        file.seek(0)
        checked(Finetune, file.read().decode(errors="replace"))
    try:
        return JsonUpload(file, long_field)
    except ValueError as error:
        raise _no_json(error) from None


def checked(model: type[Body], received: Any, upload: JsonUpload | None = None) -> Body:
    """Return a body as its model.

    Raises:
        Invalid: if it is not what the model says.
    """
    try:
        if received is None:
            raise Invalid([missing_body()])
        return model.model_validate(received, from_attributes=True)
    except ValidationError as error:
        raise Invalid([dict(found) for found in error.errors()], upload=upload) from None


def _says_json(request: Request) -> bool:
    """Tell whether a body is read as JSON; one of no type is, as by all but the latest versions of FastAPI."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    return media_type.startswith("application/") and media_type.endswith(("/json", "+json"))


def _no_json(error: ValueError) -> Invalid:
    if isinstance(error, json.JSONDecodeError):
        return Invalid([broken_json(error.pos, error.msg)])
    return Invalid([broken_json(0, "Expecting value")])
