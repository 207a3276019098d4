"""How a request to BFL reaches a handler, in the order of FastAPI: a body that is JSON, the key, the fields.

Source of the fields: BFL: OpenAPI, spring 2025. It was made by FastAPI, so these are pydantic models like those
behind it: fields that they do not know are ignored, and errors come out in its words. The older page of
POST /v1/finetune lacks `high_res_only` and the webhook fields.

A key is `Rejected`; a body or a field that is missing or wrong is `Invalid`.
"""

import json
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, Field, HttpUrl, ValidationError
from starlette.requests import Request

from tuneloop.emulator.bfl.responses import Invalid, Rejected, broken_json, missing
from tuneloop.emulator.calls import Reader

API_KEY = "bfl-test-key-0123456789abcdef"
_WIDEST = 21 / 9

Body = TypeVar("Body", bound=BaseModel)


class OutputFormat(StrEnum):
    """File format of an image."""

    jpeg = "jpeg"
    png = "png"


class Webhook(BaseModel):
    """Where to announce the end; every request may have it."""

    webhook_url: HttpUrl | None = None
    webhook_secret: str | None = None


class Finetune(Webhook):
    """POST /v1/finetune."""

    file_data: str
    finetune_comment: str
    trigger_word: str = "TOK"
    mode: Literal["general", "character", "style", "product"]
    iterations: Annotated[int, Field(ge=100, le=1000)] = 300
    learning_rate: Annotated[float, Field(ge=0.000001, le=0.005)] | None = None
    captioning: bool = True
    priority: Literal["speed", "quality", "high_res_only"] = "quality"
    finetune_type: Literal["lora", "full"] = "full"
    lora_rank: Literal[16, 32] = 32


class Deletion(BaseModel):
    """POST /v1/delete_finetune."""

    finetune_id: str


def _between_the_widest(ratio: str) -> str:
    across, _, down = ratio.partition(":")
    if not (across.isdigit() and down.isdigit() and int(across) and int(down)):
        raise ValueError("Aspect ratio must be two whole numbers, such as 16:9")
    if not 1 / _WIDEST <= int(across) / int(down) <= _WIDEST:
        raise ValueError("Aspect ratio must be between 21:9 and 9:21")
    return ratio


Strength = Annotated[float, Field(ge=0, le=2)]
ControlSteps = Annotated[int, Field(ge=15, le=50)]
Threshold = Annotated[int, Field(ge=0, le=500)]


class ImageFields(Webhook):
    """What every endpoint of finetuned models takes."""

    finetune_id: str
    finetune_strength: Strength = 1.1
    prompt: str | None = ""
    prompt_upsampling: bool = False
    safety_tolerance: Annotated[int, Field(ge=0, le=6)] = 2
    # Where the document allows no null, a seed that is left out has no other value.
    seed: int | None = None
    output_format: OutputFormat | None = OutputFormat.jpeg


class ProImage(ImageFields):
    """POST /v1/flux-pro-finetuned."""

    prompt: str = ""
    image_prompt: str | None = None
    steps: Annotated[int, Field(ge=1, le=50)] = 40
    guidance: Annotated[float, Field(ge=1.5, le=5)] = 2.5
    width: Annotated[int, Field(ge=256, le=1440, multiple_of=32)] = 1024
    height: Annotated[int, Field(ge=256, le=1440, multiple_of=32)] = 768
    output_format: OutputFormat = OutputFormat.jpeg


class UltraImage(ImageFields):
    """POST /v1/flux-pro-1.1-ultra-finetuned."""

    finetune_strength: Strength = 1.2
    image_prompt: str | None = None
    aspect_ratio: Annotated[str, AfterValidator(_between_the_widest)] = "16:9"
    image_prompt_strength: Annotated[float, Field(ge=0, le=1)] = 0.1


class DepthImage(ImageFields):
    """POST /v1/flux-pro-1.0-depth-finetuned."""

    prompt: str
    control_image: str
    steps: ControlSteps = 50
    guidance: Annotated[float, Field(ge=1, le=100)] = 15


class CannyImage(DepthImage):
    """POST /v1/flux-pro-1.0-canny-finetuned."""

    canny_low_threshold: Threshold | None = 50
    canny_high_threshold: Threshold | None = 200
    guidance: Annotated[float, Field(ge=1, le=100)] = 30


class FillImage(ImageFields):
    """POST /v1/flux-pro-1.0-fill-finetuned."""

    image: str
    mask: str | None = None
    prompt: str = ""
    steps: ControlSteps = 50
    guidance: Annotated[float, Field(ge=1.5, le=100)] = 60


def _authenticate(request: Request) -> None:
    key = request.headers.get("x-key")
    if key is None:
        raise Rejected(403, "Not authenticated")
    if key != API_KEY:
        raise Rejected(403, "Not authenticated - Invalid Authentication")


async def key_only(request: Request) -> None:
    """Accept the one key only."""
    _authenticate(request)


def query_field(name: str, *, key: bool = True) -> Reader:
    """Return a reader of a field of the query."""

    async def read(request: Request) -> str:
        if key:
            _authenticate(request)
        if name not in request.query_params:
            raise Invalid([missing(name)], "query")
        return request.query_params[name]

    return read


def body_of(model: type[Body]) -> Reader:
    """Return a reader of a body, as its model."""

    async def read(request: Request) -> Body:
        return _checked(model, await _keyed_body(request))

    return read


async def finetune_body(request: Request) -> tuple[Finetune, Any]:
    """Read a submit, as its model and as it came."""
    received = await _keyed_body(request)
    return _checked(Finetune, received), received


async def _keyed_body(request: Request) -> Any:
    """Return a body before anything of it is checked; the key is checked after it is known to be JSON."""
    content = await request.body()
    if not content:
        raise Invalid([missing()])
    try:
        received = json.loads(content) if _is_json(request) else content.decode(errors="replace")
    except json.JSONDecodeError as error:
        raise Invalid([broken_json(error.pos, error.msg)]) from None
    except ValueError:
        raise Invalid([broken_json(0, "Expecting value")]) from None
    _authenticate(request)
    return received


def _checked(model: type[Body], received: Any) -> Body:
    try:
        if received is None:
            raise Invalid([missing()])
        return model.model_validate(received, from_attributes=True)
    except ValidationError as error:
        raise Invalid([dict(found) for found in error.errors()]) from None


def _is_json(request: Request) -> bool:
    """Return True if a body is read as JSON; one of no type is, as by all but the latest versions of FastAPI."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    return media_type.startswith("application/") and media_type.endswith(("/json", "+json"))
