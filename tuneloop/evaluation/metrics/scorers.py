"""Every score of a picture's pixels, and what it says.

Two more need a model, see `tuneloop.scoring.clip`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tuneloop.evaluation.metrics.cleanness import cleanness
from tuneloop.evaluation.metrics.colour import colour
from tuneloop.evaluation.metrics.diversity import diversity
from tuneloop.evaluation.metrics.exposure import exposure
from tuneloop.evaluation.metrics.look import Look
from tuneloop.evaluation.metrics.resemblance import resemblance
from tuneloop.evaluation.metrics.sharpness import sharpness
from tuneloop.evaluation.metrics.structure import structure
from tuneloop.evaluation.metrics.training_set import TrainingSet

Score = Callable[[Sequence[Look], TrainingSet], list[float]]
"""Scores the pictures of one prompt, one number for each: 0 is worst, 1 is best, not a number says nothing."""


class Scorer(NamedTuple):
    """One score."""

    name: str
    """What it is called in policies and reports."""
    says: str
    """What a high value means, for people."""
    score: Score
    """The function."""


SCORERS: tuple[Scorer, ...] = (
    Scorer("sharpness", "edges are as crisp as in the training pictures", sharpness),
    Scorer("cleanness", "no more grain than the training pictures", cleanness),
    Scorer("exposure", "black, white and colours as strong as in the training pictures", exposure),
    Scorer("colour", "colours that the training pictures have", colour),
    Scorer("structure", "edges that lie where those of training pictures lie", structure),
    Scorer("resemblance", "perceptual hash near that of a training picture", resemblance),
    Scorer("diversity", "different seeds give different pictures", diversity),
)
