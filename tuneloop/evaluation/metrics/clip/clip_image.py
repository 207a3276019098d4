"""CLIP-I: likeness to the training images, as a CLIP model sees it."""

from __future__ import annotations

import numpy as np

from tuneloop.evaluation.metrics.look import Array

_NEIGHBOURS = 3


def clip_image(images: Array, training: Array) -> list[float]:
    """Cosine between each image and the nearest training images (mean over three); below 0 counts as 0.

    Args:
        images: `(images, size)`, each of length 1.
        training: `(training images, size)`, each of length 1.
    """
    nearest = np.sort(images @ training.T, axis=1)[:, -_NEIGHBOURS:]
    return [float(value) for value in np.clip(nearest.mean(axis=1), 0, 1)]
