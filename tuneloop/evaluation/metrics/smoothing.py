"""Blurring in floating point: eight bits would add more grain than there is to be measured."""

from __future__ import annotations

import functools

import numpy as np

from tuneloop.evaluation.metrics.look import Array


def smoothed(gray: Array, sigma: float) -> Array:
    """Blur `(h, w)` with a Gaussian; what lies beyond the rim counts as the rim."""
    return _down(_down(gray, sigma).T, sigma).T


def _down(gray: Array, sigma: float) -> Array:
    """Blur each column, by sums of shifted rows.

    No matrix product: its library starts threads, which on a busy machine wait for each other far longer than
    such small products take.
    """
    weights = _bell(sigma)
    height, reach = len(gray), len(weights) - 1
    padded = np.pad(gray, ((reach, reach), (0, 0)), "edge")
    total = padded[reach : reach + height] * weights[0]
    for shift, weight in enumerate(weights[1:], 1):
        before = padded[reach - shift : reach - shift + height]
        total += weight * (before + padded[reach + shift : reach + shift + height])
    return np.asarray(total, np.float32)


@functools.lru_cache(maxsize=8)
def _bell(sigma: float) -> Array:
    """Weights of a row itself, of the next ones, and so on."""
    half = np.exp(-((np.arange(int(4 * sigma) + 2) / sigma) ** 2) / 2)
    return np.asarray(half / (2 * half.sum() - half[0]), np.float32)
