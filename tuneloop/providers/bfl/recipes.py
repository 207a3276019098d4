"""The recipe of BFL's fine-tuning API, and the services that render with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, JsonValue

from tuneloop.providers.base import Price
from tuneloop.schemas.dataset import DatasetRequirements
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.render_settings import ServiceSettings

_CENTS_BY_ITERATIONS = ((150, 200), (500, 400))
_CENTS_BEYOND = 600


class BflProRender(ServiceSettings):
    """Render with BFL's flux-pro-finetuned. Source: BFL, OpenAPI."""

    cents_per_image: ClassVar[float | None] = 6
    """Source: BFL, pricing."""

    endpoint: Literal["flux-pro-finetuned"] = "flux-pro-finetuned"
    """Which service renders."""
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


class BflUltraRender(ServiceSettings):
    """Render with BFL's flux-pro-1.1-ultra-finetuned. Source: BFL, OpenAPI."""

    cents_per_image: ClassVar[float | None] = 7
    """Source: BFL, pricing."""

    endpoint: Literal["flux-pro-1.1-ultra-finetuned"] = "flux-pro-1.1-ultra-finetuned"
    """Which service renders."""
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


class BflFinetuneRecipe(BaseRecipe):
    """Fine-tune FLUX.1 pro at BFL. The weights stay there; the model is used by its id.

    Sources: BFL, finetune page (fields, ranges, defaults); BFL, OpenAPI (a third priority).
    """

    provider: ClassVar[str] = "bfl"
    services: ClassVar[tuple[type[ServiceSettings], ...]] = (BflProRender, BflUltraRender)
    profile: ClassVar[DatasetRequirements] = DatasetRequirements(
        min_images=1, max_images=20, recommended_min_images=6, scaled_to_px=1_000_000
    )
    """Source: BFL, finetuning guide: 1 to 20 images, more than 5 advised, JPG, PNG and WebP, capped at 1 MP.

    More than 20 are taken, and end as "Request Moderated" once the training is submitted (BFL, flux issue 417),
    so they are refused here. No page says how large the zip may be.
    """
    form_fields: ClassVar[Mapping[str, str]] = {"steps": "iterations"}
    example: ClassVar[dict[str, JsonValue]] = {"mode": "character", "trigger_word": "{trigger}"}

    trainer: Literal["bfl-finetune"] = "bfl-finetune"
    """Which trainer this is."""
    mode: Literal["general", "character", "style", "product"]
    """What the images are of; it decides how they are captioned. general describes the whole image."""
    trigger_word: str = Field(default="TOK", min_length=1)
    """The rare word that stands for the subject; it is put in front of captions that lack it."""
    iterations: int = Field(default=300, ge=100, le=1000)
    """Training iterations, 100 to 1000. The price depends on them."""
    learning_rate: float | None = Field(default=None, ge=0.000001, le=0.005)
    """Learning rate, 0.000001 to 0.005. Left out: 0.00001 for a full fine-tune, 0.0001 for a LoRA."""
    captioning: bool = True
    """Let BFL caption the images that have no caption."""
    priority: Literal["speed", "quality", "high_res_only"] = "quality"
    """What BFL favours. high_res_only is in its OpenAPI, not on its page."""
    finetune_type: Literal["lora", "full"] = "full"
    """A LoRA, or a full fine-tune from which a LoRA is taken afterwards."""
    lora_rank: Literal[16, 32] = 32
    """Rank of the LoRA."""

    @property
    def provider_captions(self) -> bool:
        return self.captioning


def price_of(recipe: BflFinetuneRecipe) -> Price:
    """Source: BFL, pricing. It leaves 150 and 500 iterations themselves open: the higher price is assumed."""
    below = (cents for limit, cents in _CENTS_BY_ITERATIONS if recipe.iterations < limit)
    return Price(next(below, _CENTS_BEYOND), f"{recipe.iterations} iterations by BFL's pricing page")
