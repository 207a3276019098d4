"""Every score of an image's pixels. Two more need a CLIP model, see `clip`.

A metric scores the images of one prompt, one number for each: 0 is worst, 1 is best, not a number says nothing.
Its name is what policies and reports call it; `ScoreWeights` says what a high value means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tuneloop.evaluation.metrics.features import (
    Array,
    ScoringImage,
    color_histogram,
    edge_histogram,
    edge_sharpness,
    grain,
    tone_points,
)
from tuneloop.evaluation.metrics.training_set import TrainingSet

NEAREST = 3
"""Training images that an image is compared with: the mean over the nearest ones."""
_MIN_SHARPNESS = 1e-3
"""Least that is asked for: images without any edge have none to be compared with."""
_SLACK = 0.05
"""How far, of 1, a tone may lie outside the training set's range before it counts."""


def sharpness(images: Sequence[ScoringImage], training: TrainingSet) -> list[float]:
    """1 where the edges are as steep as in all but the softest tenth of the training images, 0 for none."""
    enough = max(_MIN_SHARPNESS, float(np.percentile(training.sharpness, 10)))
    return [min(1.0, edge_sharpness(image) / enough) for image in images]


def low_noise(images: Sequence[ScoringImage], training: TrainingSet) -> list[float]:
    """1 where an image has no more grain than all but the grainiest tenth of the training images.

    Ten times that grain scores 1/e.
    """
    limit = float(np.percentile(training.grain, 90))
    return [float(np.exp(-max(0.0, grain(image) - limit))) for image in images]


def exposure(images: Sequence[ScoringImage], training: TrainingSet) -> list[float]:
    """1 where black point, white point and colorfulness are in the training set's range (10th to 90th in 100)."""
    low, high = np.percentile(training.tones, [10, 90], axis=0)
    scores = []
    for image in images:
        points = tone_points(image)
        off = np.maximum(np.maximum(low - points, points - high) - _SLACK, 0)
        scores.append(float(np.exp(-2 * off.sum())))
    return scores


def color_similarity(images: Sequence[ScoringImage], training: TrainingSet) -> list[float]:
    """Share of an image's colors that the nearest training images have too."""
    shared = (np.minimum(training.color_histograms, color_histogram(image)).sum(axis=1) for image in images)
    return [_mean_of_nearest(each) for each in shared]


def edge_similarity(images: Sequence[ScoringImage], training: TrainingSet) -> list[float]:
    """Cosine between an image's edges and those of the nearest training images."""
    return [_mean_of_nearest(training.edge_histograms @ edge_histogram(image)) for image in images]


def _mean_of_nearest(similarities: Array) -> float:
    return float(np.sort(similarities)[-NEAREST:].mean())


def hash_similarity(images: Sequence[ScoringImage], training: TrainingSet) -> list[float]:
    """Share of fingerprint bits that an image has in common with the nearest training image, 0.5 by chance."""
    return [training.fingerprints(image.aspect).in_common(image) for image in images]


def diversity(images: Sequence[ScoringImage], _training: TrainingSet) -> list[float]:
    """Mean distance of each image to those of the other seeds, 0 to 1: half colors, half edges."""
    if len(images) == 1:
        return [float("nan")]
    colors = np.stack([color_histogram(image) for image in images])
    edges = np.stack([edge_histogram(image) for image in images])
    by_color = 1 - np.minimum(colors[:, None], colors[None]).sum(axis=2)
    by_edges = 1 - np.einsum("ik,jk->ij", edges, edges)
    distance = ((by_color + by_edges) / 2).clip(0, 1)
    return [float(np.delete(row, number).mean()) for number, row in enumerate(distance)]


METRICS: dict[str, Callable[[Sequence[ScoringImage], TrainingSet], list[float]]] = {
    metric.__name__: metric
    for metric in (sharpness, low_noise, exposure, color_similarity, edge_similarity, hash_similarity, diversity)
}
