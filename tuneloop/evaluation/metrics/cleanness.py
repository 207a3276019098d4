"""Cleanness: is there grain that the training images do not have?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tuneloop.evaluation.metrics.look import Look
from tuneloop.evaluation.metrics.measures import grain
from tuneloop.evaluation.metrics.training_set import TrainingSet

_DECADES = 1.0
"""Ten times the grain of the training images scores 1/e."""


def cleanness(looks: Sequence[Look], training: TrainingSet) -> list[float]:
    """1 where an image has no more grain than all but the grainiest tenth of the training images."""
    most = float(np.percentile(training.grain, 90))
    return [float(np.exp(-max(0.0, grain(look) - most) / _DECADES)) for look in looks]
