"""Likeness of structure to the training set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tuneloop.evaluation.metrics.look import Look
from tuneloop.evaluation.metrics.measures import outlines
from tuneloop.evaluation.metrics.training_set import TrainingSet

_NEIGHBOURS = 3


def structure(looks: Sequence[Look], training: TrainingSet) -> list[float]:
    """Cosine between an image's edges and those of the nearest training images (mean over three)."""
    scores = []
    for look in looks:
        alike = training.outlines @ outlines(look)
        scores.append(float(np.sort(alike)[-_NEIGHBOURS:].mean()))
    return scores
