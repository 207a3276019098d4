"""How models are compared: the gate's policy, scored images, differences and verdicts."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from tuneloop.schemas.frozen import FrozenModel


class ScoreWeights(FrozenModel):
    """How much each score counts; a score of weight 0 is shown and decides nothing."""

    model_config = ConfigDict(title="Weights")

    sharpness: float = Field(default=2, ge=0, description="Edges as crisp as in the training images.")
    low_noise: float = Field(default=2, ge=0, description="No more grain than the training images.")
    exposure: float = Field(
        default=2, ge=0, description="Black, white and colors as strong as in the training images."
    )
    color_similarity: float = Field(default=1.5, ge=0, description="Colors that the training images have.")
    edge_similarity: float = Field(
        default=1, ge=0, description="Edges that lie where those of training images lie."
    )
    hash_similarity: float = Field(
        default=0.5,
        ge=0,
        description="Perceptual hash, a fingerprint of what is seen, near that of a training image. Counts "
        "little: a copy has the most of it.",
    )
    diversity: float = Field(default=1, ge=0, description="Different seeds give different images.")
    clip_text: float = Field(
        default=2,
        ge=0,
        description="CLIP-T, how well images fit their prompts; only where `TUNELOOP_CLIP_MODEL` names a model.",
    )
    clip_image: float = Field(
        default=1,
        ge=0,
        description="CLIP-I, likeness to the training images; only where `TUNELOOP_CLIP_MODEL` names a model.",
    )


class GatePolicy(FrozenModel):
    """When a challenger replaces the champion.

    The score is the weighted mean of all scores, each 0 to 1. Both models are compared image by image, at the
    same prompts and seeds, and the interval of the mean difference is found by bootstrap.
    """

    model_config = ConfigDict(title="Gate")

    confidence: float = Field(
        default=0.95,
        ge=0.5,
        lt=1,
        description="Confidence of the intervals. 0.95: two equal models are told apart by chance in fewer than "
        "1 of 20 gates.",
    )
    margin: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Smallest difference of the score that counts. Below about 0.01 nobody sees one.",
    )
    max_regression: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="A challenger that surely loses more than this in any single score is not promoted by itself.",
    )
    undecided: Literal["review", "reject", "promote"] = Field(
        default="review",
        description="What happens if neither is certainly better: ask for a review, keep the champion or take "
        "the newer one.",
    )
    max_copies: int = Field(
        default=0,
        ge=0,
        description="Images that may be copies of a training image; one more, and the challenger is rejected.",
    )
    max_unusable: int = Field(
        default=0,
        ge=0,
        description="Images that may be blank, refused or missing; one more, and the challenger is rejected.",
    )
    min_diversity: float = Field(
        default=0.03,
        ge=0,
        le=1,
        description="Mean diversity over seeds below which the challenger is rejected: it draws one image again "
        "and again.",
    )
    weights: ScoreWeights = Field(default=ScoreWeights(), description="How much each score counts.")


class ScoreDifference(FrozenModel):
    """One score of both models, and the interval of their mean paired difference."""

    name: str
    """Name of the score; `score` is the weighted mean of all."""
    challenger: float
    """Mean of the challenger, 0 to 1."""
    champion: float | None = None
    """Mean of the champion over the same images; None for a first model."""
    difference: float | None = None
    """Challenger minus champion."""
    low: float | None = None
    """Lower end of the interval."""
    high: float | None = None
    """Upper end of the interval."""


Verdict = Literal["promote", "reject", "undecided"]
OUTCOMES = {"promote": "promoted", "reject": "not promoted", "undecided": "undecided", "abandoned": "cancelled"}
"""What came of a model version, by the decision on it."""


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
