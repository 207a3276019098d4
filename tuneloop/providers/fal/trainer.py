"""What a row of fal's trainers says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from tuneloop.schemas.recipe_fields import LocalPipeline
from tuneloop.schemas.render_settings import ServiceSettings


@dataclass(frozen=True)
class Steps:
    """Training steps: the default, the bounds, and of what they must be a multiple."""

    default: int
    least: int
    most: int
    multiple: int = 1
    wire_name: str = "steps"


@dataclass(frozen=True)
class Rate:
    """Learning rate: the default, and the bounds where they are documented."""

    default: float
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class StepPrice:
    """US cents for a step, or for a step at each resolution, the base price first.

    Fewer steps than `least_steps` cost as many.
    """

    cents: float | Mapping[str, float]
    least_steps: int = 1
    source: str = "its trainer page"


Uncaptioned = Literal["captioned there", "trigger word", "fails"]
"""What becomes of images without a caption."""


@dataclass(frozen=True)
class Trainer:
    """One trainer.

    Attributes:
        recipe: What Tuneloop calls it.
        endpoint: What fal calls it.
        title: What it trains.
        service: Renders with its weights.
        zip_field: Input with the address of the zip.
        steps: Its steps.
        rate: Its learning rate; None where it takes none.
        trigger_field: Input with the trigger word; None where it has none, so that only captions carry the word.
        trigger_word: Default of the trigger word.
        has_default_caption: It has an input `default_caption`.
        uncaptioned: What becomes of images without a caption.
        pairs: It learns from pairs, before and after.
        advised_images: Fewer are a warning.
        output_key: Where its result has the weights.
        price: What it costs; None where no price is published.
        more: Its further inputs, as pydantic takes them.
        local_pipeline: What runs its weights elsewhere, where that is known.
    """

    recipe: str
    endpoint: str
    title: str
    service: type[ServiceSettings]
    zip_field: str
    steps: Steps
    price: StepPrice | None
    rate: Rate | None = None
    trigger_field: str | None = None
    trigger_word: str | None = None
    has_default_caption: bool = False
    uncaptioned: Uncaptioned = "fails"
    pairs: bool = False
    advised_images: int | None = None
    output_key: str = "diffusers_lora_file"
    more: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    local_pipeline: LocalPipeline | None = None
