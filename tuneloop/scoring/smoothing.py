"""Blurring in floating point: eight bits would add more grain than there is to be measured."""

from __future__ import annotations

import functools

import numpy as np

from tuneloop.scoring.look import Array


def smoothed(grey: Array, sigma: float) -> Array:
    """Blur `(h, w)` with a Gaussian; what lies beyond the rim counts as the rim."""
    height, width = grey.shape
    return np.asarray(_matrix(height, sigma) @ grey @ _matrix(width, sigma).T, np.float32)


@functools.lru_cache(maxsize=64)
def _matrix(side: int, sigma: float) -> Array:
    """What blurs a column, `(side, side)`."""
    reach = int(4 * sigma) + 1
    beyond = np.arange(-reach, side + reach)
    weights = np.exp(-((np.subtract.outer(np.arange(side), beyond) / sigma) ** 2) / 2)
    matrix = np.zeros((side, side))
    for column, row in zip(weights.T, beyond.clip(0, side - 1), strict=True):
        matrix[:, row] += column
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True), np.float32)
