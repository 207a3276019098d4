"""Exposure: are black, white and colors as strong as in the training images, neither pale nor burnt?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tuneloop.evaluation.metrics.look import Look
from tuneloop.evaluation.metrics.measures import tone_points
from tuneloop.evaluation.metrics.training_set import TrainingSet

_SLACK = 0.05
"""How far, of 1, a value may lie outside the training set's range before it counts."""


def exposure(looks: Sequence[Look], training: TrainingSet) -> list[float]:
    """1 where black point, white point and colorfulness are in the training set's range (10th to 90th in 100)."""
    low, high = np.percentile(training.tones, [10, 90], axis=0)
    scores = []
    for look in looks:
        points = tone_points(look)
        off = np.maximum(np.maximum(low - points, points - high) - _SLACK, 0)
        scores.append(float(np.exp(-2 * off.sum())))
    return scores
