"""What the images of one model look like."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.gate import ScoreDifference

Verdict = Literal["promote", "reject", "undecided"]


class EvaluatedImage(FrozenModel):
    """One prompt and seed on one model."""

    prompt: str
    """The prompt as it was sent."""
    seed: int
    name: str | None
    """Name of the image within the store; None where the provider refused to render it."""
    edited: str | None = None
    """Sha256 of the stored image that was edited; None for models that do not edit."""
    finding: str | None = None
    """What is wrong with it, in words; None where nothing is."""
    scores: dict[str, float] = Field(default_factory=dict)
    """What was measured of it, each 0 to 1; empty where there is nothing to measure."""
    nearest: str | None = None
    """Sha256 of the training image that explains most of it."""
    copied: float = 0.0
    """Share of it that is the same as in that training image."""


class Evaluation(FrozenModel):
    """Every image of a plan, for one model."""

    job: str
    """Name of the model's training job."""
    images: tuple[EvaluatedImage, ...]
    """Prompts in the plan's order, all seeds of one prompt together."""
    asked_again: int = 0
    """How often an image was asked for once more because an answer was lost; each may be billed."""
    unanswered: int = 0
    """Images that were given up after three asks without an answer."""
    clip_model: str | None = None
    """The CLIP model that scored them; None where there was none."""

    @property
    def findings(self) -> tuple[EvaluatedImage, ...]:
        return tuple(image for image in self.images if image.finding)


class GateResult(FrozenModel):
    """What the gate says about a challenger."""

    verdict: Verdict
    """Whether it becomes the champion; undecided asks a person."""
    reason: str
    rule: str
    scores: dict[str, float]
    differences: tuple[ScoreDifference, ...] = ()
    by_thresholds: bool = False
    """The floors decided; the scores are shown and had no say."""
