"""fal's trainers: a row for each endpoint, with the model that checks its input.

Sources: OpenAPI documents of its trainers, June 2026 (fields, defaults, ranges, names in the output); model
pages of later trainers (krea/v3, flux-3) and of prices, whose dates differ. That zips without captions fail
where there is a `default_caption` is said of most trainers that have one, and assumed of the others.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, create_model

_Fields = dict[str, tuple[Any, Any]]
"""Type and default of each field; `...` for one that must be there."""


@dataclass(frozen=True)
class Trainer:
    """One trainer."""

    endpoint: str
    zip_field: str
    inference: str
    """Endpoint that draws with its weights."""
    usd_per_step: float | None
    """None where no page shows a price."""
    fields: _Fields
    """Of its input, beside the ZIP."""
    output: str = "diffusers_lora_file"
    """Name of the weights in the result."""
    steps_field: str = "steps"
    least_steps: int = 0
    """Steps that are charged at least."""
    images_of_pair: int = 0
    """0 trains on single images; otherwise as many images may come before the edit."""
    retired: bool = False

    @cached_property
    def input(self) -> type[BaseModel]:
        """Check an input."""
        fields: dict[str, Any] = {self.zip_field: (str, ...), **self.fields}
        return create_model(f"{schema_name(self.endpoint)}Input", **fields)

    @property
    def needs_captions(self) -> bool:
        return "default_caption" in self.fields

    def default(self, field: str, otherwise: float) -> float:
        """Return the default of a number, or another where the trainer names none."""
        found = self.fields.get(field, (None, None))[1]
        return otherwise if found is None else float(found)


def schema_name(endpoint: str) -> str:
    """Return the words of an endpoint, as its OpenAPI document joins them in the names of its schemas."""
    words = endpoint.partition("/")[2].replace("/", "-").replace(".", "-").split("-")
    return "".join(word.capitalize() for word in words)


def _steps(default: int, least: int, most: int, multiple: int = 1) -> tuple[Any, Any]:
    return Annotated[int, Field(ge=least, le=most, multiple_of=multiple)], default


def _rate(default: float, least: float | None = None, most: float | None = None) -> tuple[Any, Any]:
    return Annotated[float, Field(ge=least, le=most)], default


_TEXT: tuple[Any, Any] = (str | None, None)
_ON, _OFF = (bool, True), (bool, False)
_LORA_FORMAT: tuple[Any, Any] = (Literal["fal", "comfy"], "fal")
_TRAINING_STYLE: tuple[Any, Any] = (Literal["subject", "style"] | None, "subject")
_FLUX_2: _Fields = {
    "steps": _steps(1000, 100, 10_000, 100),
    "learning_rate": _rate(5e-5),
    "default_caption": _TEXT,
    "output_lora_format": _LORA_FORMAT,
}
_QWEN: _Fields = {"steps": _steps(1000, 100, 30_000, 100), "default_caption": _TEXT}
_LATER: _Fields = {"trigger_phrase": _TEXT, "learning_rate": _rate(1e-4)}
_ONE, _MANY = "image_data_url", "images_data_url"
"""Names of the ZIP's field."""

TRAINERS = {trainer.endpoint: trainer for trainer in (
    Trainer("fal-ai/flux-lora-fast-training", _MANY, "fal-ai/flux-lora", 0.002, {
        "trigger_word": _TEXT,
        "steps": (Annotated[int, Field(ge=1, le=10_000)] | None, None),
        "create_masks": _ON,
        "is_style": _OFF,
        "is_input_format_already_preprocessed": _OFF,
        "data_archive_format": _TEXT,
    }),
    Trainer("fal-ai/flux-lora-portrait-trainer", _MANY, "fal-ai/flux-lora", 0.0024, {
        "trigger_phrase": _TEXT,
        "steps": _steps(2500, 1, 10_000),
        "learning_rate": _rate(9e-5, 1e-6, 1e-3),
        "subject_crop": _ON,
        "create_masks": _OFF,
        "multiresolution_training": _ON,
        "resume_from_checkpoint": (str, ""),
        "data_archive_format": _TEXT,
    }),
    Trainer("fal-ai/turbo-flux-trainer", _MANY, "fal-ai/flux-lora", 0.0024, {
        "trigger_phrase": (str | None, "ohwx"),
        "steps": _steps(1000, 1, 10_000),
        "learning_rate": _rate(1.15e-3, 1e-7, 1e-2),
        "training_style": _TRAINING_STYLE,
        "face_crop": _ON,
    }),
    Trainer("fal-ai/flux-kontext-trainer", _ONE, "fal-ai/flux-kontext-lora", 0.0025, {
        "steps": _steps(1000, 2, 10_000),
        "learning_rate": _rate(1e-4),
        "default_caption": _TEXT,
        "output_lora_format": _LORA_FORMAT,
    }, least_steps=500, images_of_pair=1),
    Trainer("fal-ai/flux-2-trainer", _ONE, "fal-ai/flux-2/lora", 0.0064, _FLUX_2),
    Trainer("fal-ai/flux-2-trainer-v2", _ONE, "fal-ai/flux-2/lora", 0.0255, _FLUX_2),
    Trainer("fal-ai/flux-2-trainer/edit", _ONE, "fal-ai/flux-2/lora/edit", 0.009, _FLUX_2, images_of_pair=4),
    Trainer("fal-ai/flux-2-trainer-v2/edit", _ONE, "fal-ai/flux-2/lora/edit", 0.0226, _FLUX_2, images_of_pair=4),
    Trainer("fal-ai/flux-2-klein-9b-base-trainer", _ONE, "fal-ai/flux-2/klein/9b/base/lora", None, _FLUX_2),
    Trainer(
        "fal-ai/flux-2-klein-9b-base-trainer/edit", _ONE, "fal-ai/flux-2/klein/9b/base/edit/lora", None, _FLUX_2,
        images_of_pair=4,
    ),
    Trainer("fal-ai/qwen-image-2512-trainer", _ONE, "fal-ai/qwen-image-2512/lora", 0.0015, {
        **_QWEN,
        "learning_rate": _rate(5e-4),
    }),
    Trainer("fal-ai/qwen-image-edit-2509-trainer", _ONE, "fal-ai/qwen-image-edit-2509-lora", 0.004, {
        **_QWEN,
        "learning_rate": _rate(1e-4),
    }, least_steps=100, images_of_pair=3),
    Trainer("fal-ai/z-image-trainer", _ONE, "fal-ai/z-image/turbo/lora", 0.00226, {
        "steps": _steps(1000, 100, 10_000, 100),
        "learning_rate": _rate(1e-4),
        "default_caption": _TEXT,
        "training_type": (Literal["content", "style", "balanced"], "balanced"),
    }, least_steps=100),
    Trainer("fal-ai/z-image-turbo-trainer-v2", _ONE, "fal-ai/z-image/turbo/lora", None, {
        "steps": _steps(2000, 10, 40_000),
        "learning_rate": _rate(5e-4),
        "default_caption": _TEXT,
    }),
    Trainer("ideogram/v4/trainer", _MANY, "ideogram/v4/lora", 0.00675, {
        "steps": _steps(1000, 100, 40_000),
        "learning_rate": _rate(1e-4, 1e-6, 1e-2),
        "resolution": (str, "auto"),
        "default_caption": _TEXT,
    }),
    Trainer("blackforestlabs/flux-3/klein/base/trainer", _MANY, "blackforestlabs/flux-3/klein/base/lora", 0.0043, {
        **_LATER,
        "steps": _steps(1000, 100, 10_000),
        "resolution": (Literal[512, 768, 1024], 1024),
    }, output="lora_file", least_steps=100),
    Trainer("krea/v3/trainer", "training_data_url", "krea/v3/text-to-image/lora", 0.004, {
        **_LATER,
        "number_of_steps": _steps(1000, 50, 10_000),
        "resolution": (Literal[1024, 1536, 2048], 1024),
    }, output="training_artifact", steps_field="number_of_steps", least_steps=100),
    Trainer("fal-ai/qwen-image-trainer", _ONE, "fal-ai/qwen-image", 0.002, {
        "steps": _steps(1000, 1, 8000),
        "learning_rate": _rate(5e-4, 1e-6, 1e-2),
        "trigger_phrase": (str, ""),
    }, output="lora_file", least_steps=250, retired=True),
)}  # fmt: skip
