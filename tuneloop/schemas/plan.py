"""What is rendered to evaluate a model: the same prompts and seeds for champion and challenger."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from tuneloop.errors import ConfigurationError
from tuneloop.schemas.canonical import digest_of, drop_empty
from tuneloop.schemas.evaluation import GatePolicy
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.render_settings import DefaultRender, RenderSettings, ServiceSettings

MOST_IMAGES = 1000
"""Images of one plan. What an account may spend on them is the spending guard's."""


def _all_different(values: tuple[object, ...]) -> tuple[object, ...]:
    if len(set(values)) != len(values):
        raise ValueError("name each value once: a second rendering would be paid for nothing")
    return values


class EvaluationConfig(FrozenModel):
    """Prompts times seeds, rendered on every model that is judged."""

    prompts: Annotated[tuple[str, ...], AfterValidator(_all_different)] = Field(
        default=("a photo of {trigger}", "{trigger} on a beach at sunset", "{trigger} in a city street"),
        min_length=1,
        description="What to render; {trigger} stands for the recipe's trigger word.",
    )
    seeds: Annotated[tuple[int, ...], AfterValidator(_all_different)] = Field(
        default=(1, 2, 3, 4),
        min_length=1,
        description="Every prompt is rendered once with each seed. With fewer than about a dozen images a model, "
        "only large differences are found.",
    )
    settings: RenderSettings = Field(default=DefaultRender(), description="How to render.")
    gate: GatePolicy = Field(
        default=GatePolicy(),
        description="When the challenger replaces the champion. Changing it leads to a new decision, and renders "
        "nothing again.",
    )

    @model_validator(mode="after")
    def _of_a_size_that_can_be_meant(self) -> EvaluationConfig:
        if self.image_count > MOST_IMAGES:
            raise ValueError(
                f"{len(self.prompts):,} prompts with {len(self.seeds):,} seeds each are {self.image_count:,} "
                f"images of every model, and a plan has at most {MOST_IMAGES:,}: name fewer"
            )
        return self

    def rendered_by(self, default: ServiceSettings) -> EvaluationConfig:
        """The same plan with the service named, before it is remembered or compared."""
        if isinstance(self.settings, DefaultRender):
            return self.model_copy(update={"settings": default})
        return self

    @property
    def service(self) -> ServiceSettings:
        """Settings of the service that renders. Raises `ConfigurationError` before one is chosen."""
        if isinstance(self.settings, DefaultRender):
            raise ConfigurationError("the plan does not say yet which service renders")
        return self.settings

    @property
    def digest(self) -> str:
        """First 16 hex digits of the plan's sha256: a changed plan is a new judgement, never a new training."""
        document = self.model_dump(mode="json", exclude={"gate"})
        # Only what differs from the defaults: plans of before there was a gate keep their digest.
        document["gate"] = self.gate.model_dump(mode="json", exclude_defaults=True)
        return digest_of({"schema": 1, "plan": drop_empty(document)})[:16]

    @property
    def image_count(self) -> int:
        return len(self.prompts) * len(self.seeds)

    def prompts_for(self, trigger_word: str | None) -> tuple[str, ...]:
        return tuple(prompt.replace("{trigger}", trigger_word or "").strip() for prompt in self.prompts)
