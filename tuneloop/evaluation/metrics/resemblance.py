"""Resemblance to the nearest training image by perceptual hash."""

from __future__ import annotations

from collections.abc import Sequence

from tuneloop.evaluation.metrics.look import Look
from tuneloop.evaluation.metrics.training_set import TrainingSet


def resemblance(looks: Sequence[Look], training: TrainingSet) -> list[float]:
    """Share of fingerprint bits that an image has in common with the nearest training image, 0.5 by chance."""
    return [training.prints(look.pixels.shape[1] / look.pixels.shape[0]).in_common(look) for look in looks]
