"""Diversity over seeds: does one prompt give one image again and again?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tuneloop.evaluation.metrics.look import Look
from tuneloop.evaluation.metrics.measures import outlines, palette
from tuneloop.evaluation.metrics.training_set import TrainingSet


def diversity(looks: Sequence[Look], training: TrainingSet) -> list[float]:  # noqa: ARG001 - one form for all
    """Mean distance of each image to the others of its prompt, 0 to 1: half colors, half structure.

    Args:
        looks: Images of one prompt, one for each seed.
        training: Not needed here.

    Returns:
        One score for each image; not a number for a single one, of which nothing can be said.
    """
    if len(looks) == 1:
        return [float("nan")]
    colors = np.stack([palette(look) for look in looks])
    edges = np.stack([outlines(look) for look in looks])
    unlike = 1 - np.minimum(colors[:, None], colors[None]).sum(axis=2)
    turned = 1 - np.einsum("ik,jk->ij", edges, edges)
    distance = ((unlike + turned) / 2).clip(0, 1)
    return [float(np.delete(row, number).mean()) for number, row in enumerate(distance)]
