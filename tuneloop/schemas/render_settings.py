"""How images are rendered: one form per service, its fields what the service documents."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field

from tuneloop.schemas.form import AnyOfSchema, require_discriminator
from tuneloop.schemas.frozen import FrozenModel

AspectRatio = Literal[
    "1:1", "2:3", "3:4", "5:8", "9:16", "9:19", "9:21", "3:2", "4:3", "8:5", "16:9", "19:9", "21:9"
]
"""The 13 values of Segmind's Flux Dev Finetuned page; it shows ten and counts three more."""

NAMED_SAMPLERS = (
    "euler",
    "euler_pp",
    "euler_ancestral",
    "euler_ancestral_pp",
    "heun",
    "heunpp2",
    "dpm_2",
    "dpm_2_ancestral",
    "lms",
    "dpm_fast",
)
"""Samplers that the page names; it counts sixteen more, so any other text is passed on."""


class DefaultRender(FrozenModel):
    """Render as the recipe's own service does by default."""

    model_config = ConfigDict(title="Default of the recipe", json_schema_extra=require_discriminator("endpoint"))

    endpoint: Literal["default"] = "default"
    """Which service renders: the recipe's own; the tab above sets it."""


class _Priced(FrozenModel):
    """What every service has in common."""

    cents_per_image: ClassVar[float | None] = None
    """Price of an image in US cents by the provider's own list, None where it publishes none."""


class _FluxDevFields(_Priced):
    """Source: Segmind, Flux Dev Finetuned page."""

    aspect_ratio: AspectRatio = "1:1"
    """Width to height."""
    scheduler: Literal["normal", "karras", "exponential", "sgm_uniform", "simple", "ddim_uniform", "beta"] = (
        "simple"
    )
    """Noise schedule."""
    sampler_name: str = Field(default="euler", min_length=1, examples=list(NAMED_SAMPLERS))
    """Sampler, such as euler, euler_ancestral, heun, heunpp2, dpm_2, lms or dpm_fast; others are passed on."""
    steps: int = Field(default=25, ge=1, le=100)
    """Denoising steps, 1 to 100."""
    lora_strength: float = Field(default=1, ge=-10, le=10)
    """Strength of the LoRA, -10 to 10."""
    hardware: Literal["fast", "cost"] = "cost"
    """Changes latency and price, not the image."""


class FluxDevRender(_FluxDevFields):
    """Render with Segmind's flux-dev-finetuned. Source: Segmind, Flux Dev Finetuned page."""

    model_config = ConfigDict(
        title="Flux Dev Finetuned (Segmind)", json_schema_extra=require_discriminator("endpoint")
    )

    endpoint: Literal["flux-dev-finetuned"] = "flux-dev-finetuned"
    """Which service renders; the tab above sets it."""


class ModelEndpointRender(_FluxDevFields):
    """Render with the fine-tuned model's own address at Segmind.

    No page documents what a Kontext or Qwen fine-tune takes there. That it is the body of Flux Dev Finetuned
    without the id, and for Kontext an `image` beside it, is our assumption.
    """

    model_config = ConfigDict(
        title="The model's own address (Segmind)", json_schema_extra=require_discriminator("endpoint")
    )

    endpoint: Literal["model-slug"] = "model-slug"
    """Which service renders; the tab above sets it."""


class BflProRender(_Priced):
    """Render with BFL's flux-pro-finetuned. Source: BFL, OpenAPI."""

    model_config = ConfigDict(
        title="FLUX pro finetuned (BFL)", json_schema_extra=require_discriminator("endpoint")
    )
    cents_per_image: ClassVar[float | None] = 6
    """Source: BFL, pricing."""

    endpoint: Literal["flux-pro-finetuned"] = "flux-pro-finetuned"
    """Which service renders; the tab above sets it."""
    finetune_strength: float = Field(default=1.1, ge=0, le=2)
    """Strength of the fine-tune, 0 to 2."""
    steps: int = Field(default=40, ge=1, le=50)
    """Denoising steps, 1 to 50."""
    guidance: float = Field(default=2.5, ge=1.5, le=5)
    """Adherence to the prompt at the cost of realism, 1.5 to 5."""
    width: int = Field(default=1024, ge=256, le=1440, multiple_of=32)
    """Width in pixels, 256 to 1440 in steps of 32."""
    height: int = Field(default=768, ge=256, le=1440, multiple_of=32)
    """Height in pixels, 256 to 1440 in steps of 32."""
    prompt_upsampling: bool = False
    """Let BFL rewrite the prompt; images are then harder to compare."""
    safety_tolerance: int = Field(default=2, ge=0, le=6)
    """Moderation, 0 strict to 6 lenient."""
    output_format: Literal["jpeg", "png"] = "jpeg"
    """File format of the image."""


def _within_ultra(ratio: str) -> str:
    found = re.fullmatch(r"([1-9]\d?):([1-9]\d?)", ratio)
    if found is None or not 9 / 21 <= int(found[1]) / int(found[2]) <= 21 / 9:
        raise ValueError(f"{ratio!r} is no ratio between 21:9 and 9:21, such as 16:9")
    return ratio


class BflUltraRender(_Priced):
    """Render with BFL's flux-pro-1.1-ultra-finetuned. Source: BFL, OpenAPI."""

    model_config = ConfigDict(
        title="FLUX 1.1 ultra finetuned (BFL)", json_schema_extra=require_discriminator("endpoint")
    )
    cents_per_image: ClassVar[float | None] = 7
    """Source: BFL, pricing."""

    endpoint: Literal["flux-pro-1.1-ultra-finetuned"] = "flux-pro-1.1-ultra-finetuned"
    """Which service renders; the tab above sets it."""
    finetune_strength: float = Field(default=1.2, ge=0, le=2)
    """Strength of the fine-tune, 0 to 2."""
    aspect_ratio: Annotated[str, AfterValidator(_within_ultra)] = "16:9"
    """Width to height, between 21:9 and 9:21."""
    prompt_upsampling: bool = False
    """Let BFL rewrite the prompt; images are then harder to compare."""
    safety_tolerance: int = Field(default=2, ge=0, le=6)
    """Moderation, 0 strict to 6 lenient."""
    output_format: Literal["jpeg", "png"] = "jpeg"
    """File format of the image."""


ServiceSettings = FluxDevRender | ModelEndpointRender | BflProRender | BflUltraRender
"""Settings of one named service."""

RenderSettings = Annotated[
    DefaultRender | FluxDevRender | ModelEndpointRender | BflProRender | BflUltraRender,
    Field(discriminator="endpoint"),
    AnyOfSchema(),
]
"""How any service renders. The endpoint's name decides which."""
