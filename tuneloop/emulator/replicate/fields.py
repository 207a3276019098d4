"""How a request to Replicate reaches a handler: the token, then the body.

A model's input is checked by its schema. Whether Replicate takes an input that the schema does not name is not
published: here it is rejected, so that no client can rely on it. A value of another type is rejected too.
"""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from tuneloop.emulator.calls import Reader
from tuneloop.emulator.replicate.responses import Rejected, unauthenticated

API_KEY = "r8_TuneloopEmulatorTestToken0123456789ab"
WEBHOOK_SECRET = "whsec_dHVuZWxvb3AgZW11bGF0b3IsIG5vIHNlY3JldA=="  # noqa: S105 - of the emulator, for tests
OWNER = "tuneloop-tests"
"""The one account."""

Event = Literal["start", "output", "logs", "completed"]
Text = Annotated[str, Field(min_length=1)]
Checked = TypeVar("Checked", bound=BaseModel)


class Body(BaseModel):
    """An object: no other field, and no value of another type, passes."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Webhook(Body):
    """Where to announce what becomes of a training or an image."""

    webhook: Text | None = None
    webhook_events_filter: list[Event] = ["start", "output", "logs", "completed"]


class NewTraining(Webhook):
    """POST …/trainings."""

    destination: Text
    input: dict[str, Any]


class NewPrediction(Webhook):
    """POST /v1/predictions."""

    version: Text
    input: dict[str, Any]
    stream: bool = False


class NewModel(Body):
    """POST /v1/models."""

    owner: Text
    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$")]
    visibility: Literal["public", "private"]
    hardware: Text
    description: str | None = None
    github_url: str | None = None
    paper_url: str | None = None
    license_url: str | None = None
    cover_image_url: str | None = None


def authenticate(request: Request) -> None:
    """Accept the one token only."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() not in ("bearer", "token") or token != API_KEY:
        raise unauthenticated()


async def token_only(request: Request) -> None:
    """Read nothing but the token."""
    authenticate(request)


async def cursor(request: Request) -> str:
    """Read where a page begins, "" for the first one."""
    authenticate(request)
    return request.query_params.get("cursor", "")


def body_of(model: type[Checked]) -> Reader:
    """Return a reader of a JSON body, as its model."""

    async def read(request: Request) -> Checked:
        authenticate(request)
        try:
            return model.model_validate(await request.json())
        except ValidationError as error:
            raise invalid(error) from None
        except ValueError:
            raise Rejected(400, "The request's body is not valid JSON.") from None

    return read


async def upload(request: Request) -> tuple[str, str, bytes, Any]:
    """Read an upload: file name, type, content and metadata."""
    authenticate(request)
    try:
        async with request.form() as form:
            content, metadata = form.get("content"), form.get("metadata", "{}")
            if not isinstance(content, UploadFile):
                raise Rejected(400, "Missing content")
            name = str(form.get("filename") or content.filename or "")
            kind = str(form.get("type") or content.content_type or "application/octet-stream")
            described = await metadata.read() if isinstance(metadata, UploadFile) else metadata.encode()
            return name, kind, await content.read(), described
    except HTTPException:
        raise Rejected(400, "The request's body is not a form.") from None


def invalid(error: ValidationError, prefix: str = "") -> Rejected:
    """Reject a body for every field that is wrong with it."""
    fields = [
        {"type": one["type"], "field": prefix + ".".join(map(str, one["loc"])), "description": one["msg"]}
        for one in error.errors()
    ]
    lines = "".join(f"- {one['field']}: {one['description']}\n" for one in fields)
    return Rejected(422, lines, "Input validation failed", invalid_fields=fields)
