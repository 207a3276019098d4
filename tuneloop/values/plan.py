"""What is rendered to judge a model: the same prompts and seeds for champion and challenger."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from tuneloop.values.canonical import digest_of, without_empty
from tuneloop.values.form import ShownAsAnyOf, require_discriminator
from tuneloop.values.frozen import Frozen

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


class FluxDevRender(Frozen):
    """Render with Segmind's flux-dev-finetuned. Source: Segmind, Flux Dev Finetuned page."""

    model_config = ConfigDict(
        title="Flux Dev Finetuned (Segmind)", json_schema_extra=require_discriminator("endpoint")
    )

    endpoint: Literal["flux-dev-finetuned"] = "flux-dev-finetuned"
    """Which service renders."""
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
    """Changes latency and price, not the picture."""


RenderSettings = Annotated[FluxDevRender, Field(discriminator="endpoint"), ShownAsAnyOf()]
"""How any service renders. The endpoint's name decides which."""


def _all_different(values: tuple[object, ...]) -> tuple[object, ...]:
    if len(set(values)) != len(values):
        raise ValueError("each value may be named once: a second rendering would be paid for nothing")
    return values


class EvaluationPlan(Frozen):
    """Prompts times seeds, rendered on every model that is judged."""

    prompts: Annotated[tuple[str, ...], AfterValidator(_all_different)] = Field(
        default=("a photo of {trigger}", "{trigger} on a beach at sunset"), min_length=1
    )
    """What to render; {trigger} stands for the recipe's trigger word."""
    seeds: Annotated[tuple[int, ...], AfterValidator(_all_different)] = Field(default=(1, 2), min_length=1)
    """Every prompt is rendered once with each seed."""
    settings: RenderSettings = FluxDevRender()
    """How to render."""

    @property
    def digest(self) -> str:
        """First 16 hex digits of the plan's sha256: a changed plan is a new judgement, never a new training."""
        return digest_of({"schema": 1, "plan": without_empty(self.model_dump(mode="json"))})[:16]

    @property
    def picture_count(self) -> int:
        """Pictures per model."""
        return len(self.prompts) * len(self.seeds)

    def prompts_for(self, trigger_word: str) -> tuple[str, ...]:
        """The prompts as they are sent."""
        return tuple(prompt.replace("{trigger}", trigger_word) for prompt in self.prompts)
