"""Likeness of color to the training set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tuneloop.evaluation.metrics.look import Look
from tuneloop.evaluation.metrics.measures import palette
from tuneloop.evaluation.metrics.training_set import TrainingSet

_NEIGHBOURS = 3


def color(looks: Sequence[Look], training: TrainingSet) -> list[float]:
    """Share of an image's colors that the training images nearest to it have too (mean over three)."""
    scores = []
    for look in looks:
        shared = np.minimum(training.palettes, palette(look)).sum(axis=1)
        scores.append(float(np.sort(shared)[-_NEIGHBOURS:].mean()))
    return scores
