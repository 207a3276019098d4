"""Sharpness: are edges as crisp as in the training images?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tuneloop.evaluation.metrics.look import Look
from tuneloop.evaluation.metrics.measures import edge_sharpness
from tuneloop.evaluation.metrics.training_set import TrainingSet

_FLAT = 1e-3
"""Least that is asked for: images without any edge have none to be compared with."""


def sharpness(looks: Sequence[Look], training: TrainingSet) -> list[float]:
    """1 where the edges are as steep as in all but the softest tenth of the training images, 0 for none."""
    enough = max(_FLAT, float(np.percentile(training.sharpness, 10)))
    return [min(1.0, edge_sharpness(look) / enough) for look in looks]
