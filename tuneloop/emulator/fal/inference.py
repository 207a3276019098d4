"""Endpoints of fal that draw with a LoRA: a row for each, with the model that checks its input.

Sources: OpenAPI documents of its LoRA endpoints, June 2026; JavaScript types of flux-kontext-lora; pages of
flux-2/lora/edit and krea/v3/text-to-image/lora. Of the other edits, of ideogram/v4 and of flux-3 no document was
at hand: their fields are those of their family, with the images to edit as `image_urls`. Prices of pages, for a
megapixel.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, create_model

from tuneloop.emulator.fal.trainers import TRAINERS, schema_name

SIZES = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
"""Width and height in pixels."""
_Side = Annotated[int, Field(gt=0, le=14_142)]


class ImageSize(BaseModel):
    """A size in pixels."""

    width: _Side = 512
    height: _Side = 512


class LoraWeight(BaseModel):
    """Weights at an address."""

    path: str
    scale: Annotated[float, Field(ge=0, le=4)] = 1


_PresetSize = Literal["square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"]


@dataclass(frozen=True)
class Endpoint:
    """One endpoint."""

    name: str
    input: type[BaseModel]
    images_field: str | None
    """Where the images to edit are."""
    usd_per_megapixel: float | None
    """None where no page shows a price."""

    @property
    def usual_steps(self) -> int:
        return int(self.input.model_fields["num_inference_steps"].default)


def _endpoint(
    name: str,
    steps: tuple[int, int, int],
    guidance: tuple[float, float] | None,
    price: float | None = None,
    *,
    most_loras: int | None = 3,
    formats: tuple[str, ...] = ("jpeg", "png", "webp"),
    first_format: str = "png",
    edits: Literal["image_url", "image_urls"] | None = None,
) -> Endpoint:
    """Return a row; `steps` are default, least and most, `guidance` default and most."""
    size: Any = ImageSize | _PresetSize
    fields: dict[str, Any] = {
        "prompt": (str, ...),
        "image_size": (size, "landscape_4_3") if edits is None else (size | None, None),
        "num_inference_steps": (Annotated[int, Field(ge=steps[1], le=steps[2])], steps[0]),
        "num_images": (Annotated[int, Field(ge=1, le=4)], 1),
        "seed": (int | None, None),
        "output_format": (Literal[formats], first_format),
        "loras": (Annotated[list[LoraWeight], Field(max_length=most_loras)], []),
        "enable_safety_checker": (bool, True),
        "sync_mode": (bool, False),
        "acceleration": (Literal["none", "regular", "high"], "regular"),
    }
    if guidance is not None:
        fields["guidance_scale"] = (Annotated[float, Field(ge=0, le=guidance[1])], guidance[0])
    if edits == "image_url":
        fields[edits] = (str, ...)
    elif edits == "image_urls":
        fields[edits] = (Annotated[list[str], Field(min_length=1)], ...)
    return Endpoint(name, create_model(f"{schema_name(name)}Input", **fields), edits, price)


_ROWS = [
    _endpoint(
        "fal-ai/flux-lora",
        (28, 1, 50),
        (3.5, 35),
        0.035,
        most_loras=None,
        formats=("jpeg", "png"),
        first_format="jpeg",
    ),
    _endpoint("fal-ai/flux-kontext-lora", (30, 10, 50), (2.5, 20), 0.035, most_loras=None, edits="image_url"),
    _endpoint("fal-ai/flux-2/lora", (28, 4, 50), (2.5, 20), 0.021),
    _endpoint("fal-ai/flux-2/lora/edit", (28, 4, 50), (2.5, 20), 0.021, edits="image_urls"),
    _endpoint("fal-ai/flux-2/klein/9b/base/lora", (28, 4, 50), (5, 20)),
    _endpoint("fal-ai/flux-2/klein/9b/base/edit/lora", (28, 4, 50), (5, 20), edits="image_urls"),
    _endpoint("fal-ai/qwen-image", (30, 2, 250), (2.5, 20), formats=("jpeg", "png")),
    _endpoint("fal-ai/qwen-image-2512/lora", (28, 1, 50), (4, 20)),
    _endpoint("fal-ai/qwen-image-edit-2509-lora", (28, 2, 50), (4, 20), edits="image_urls"),
    _endpoint("fal-ai/z-image/turbo/lora", (8, 1, 8), None),
    _endpoint("ideogram/v4/lora", (28, 1, 50), (4, 20)),
    _endpoint("blackforestlabs/flux-3/klein/base/lora", (28, 4, 50), (5, 20)),
    _endpoint("krea/v3/text-to-image/lora", (28, 1, 50), (4, 20), 0.05),
]

ENDPOINTS = {endpoint.name: endpoint for endpoint in _ROWS}


def trainers_of(endpoint: str) -> list[str]:
    """Return the trainers whose weights an endpoint draws with."""
    return [trainer.endpoint for trainer in TRAINERS.values() if trainer.inference == endpoint]
