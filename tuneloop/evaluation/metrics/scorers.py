"""Every score of an image's pixels, and what it says.

Two more need a model, see `tuneloop.scoring.clip`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tuneloop.evaluation.metrics.cleanness import cleanness
from tuneloop.evaluation.metrics.color import color
from tuneloop.evaluation.metrics.diversity import diversity
from tuneloop.evaluation.metrics.exposure import exposure
from tuneloop.evaluation.metrics.look import Look
from tuneloop.evaluation.metrics.resemblance import resemblance
from tuneloop.evaluation.metrics.sharpness import sharpness
from tuneloop.evaluation.metrics.structure import structure
from tuneloop.evaluation.metrics.training_set import TrainingSet

Score = Callable[[Sequence[Look], TrainingSet], list[float]]
"""Scores the images of one prompt, one number for each: 0 is worst, 1 is best, not a number says nothing."""


class Scorer(NamedTuple):
    """One score."""

    name: str
    """What it is called in policies and reports."""
    says: str
    """What a high value means, for people."""
    score: Score
    """The function."""


SCORERS: tuple[Scorer, ...] = (
    Scorer("sharpness", "edges are as crisp as in the training images", sharpness),
    Scorer("cleanness", "no more grain than the training images", cleanness),
    Scorer("exposure", "black, white and colors as strong as in the training images", exposure),
    Scorer("color", "colors that the training images have", color),
    Scorer("structure", "edges that lie where those of training images lie", structure),
    Scorer("resemblance", "perceptual hash near that of a training image", resemblance),
    Scorer("diversity", "different seeds give different images", diversity),
)
