"""Descriptions of an image in a few numbers, which the likeness scores compare."""

from __future__ import annotations

import numpy as np

from tuneloop.evaluation.metrics.look import Array, Look
from tuneloop.evaluation.metrics.smoothing import smoothed

_GRID = 4
_ORIENTATIONS = 8
_LEVELS = 6


def edge_sharpness(look: Look) -> float:
    """How much steeper the strongest edges are than after a blur, about 1 (blurred) to 2.5 (crisp).

    Only edges count, and what the calm half of the image has in slopes is taken off: grain is no sharpness.
    """
    fine, coarse = (_slopes(look, sigma) for sigma in (0.8, 2.5))
    strongest, calm = coarse >= np.quantile(coarse, 0.93), coarse <= np.median(coarse)
    steep, soft = (max(0.0, float(each[strongest].mean() - each[calm].mean())) for each in (fine, coarse))
    return float(np.sqrt(steep / (soft + 1e-9)))


def _slopes(look: Look, sigma: float) -> Array:
    down, across = np.gradient(smoothed(look.gray, sigma))
    return np.asarray(down**2 + across**2)


def grain(look: Look) -> float:
    """Noise in the calmer half of an image, as log10 of a standard deviation of brightness, -4 to about -0.5."""
    residue = np.abs(look.gray - smoothed(look.gray, 1.0))
    return float(np.log10(1.48 * np.median(residue) + 1e-4))


def tone_points(look: Look) -> Array:
    """Black point, white point, mean colorfulness and high colorfulness, `(4,)`, each 0 to 1."""
    black, white = np.quantile(look.gray, [0.02, 0.98])
    chroma = look.colors.max(axis=2) - look.colors.min(axis=2)
    return np.asarray([black, white, chroma.mean(), np.quantile(chroma, 0.9)], np.float32)


def palette(look: Look) -> Array:
    """Share of pixels in each of 6 x 6 x 6 colors, softened between neighbours, `(216,)`."""
    small = look.colors[::2, ::2].reshape(-1, 3) * (_LEVELS - 1)
    low = np.minimum(small.astype(np.intp), _LEVELS - 2)
    part = small - low
    counts = np.zeros(_LEVELS**3)
    for corner in np.ndindex(2, 2, 2):
        at = low + np.asarray(corner)
        weight = np.prod(np.where(np.asarray(corner) == 1, part, 1 - part), axis=1)
        counts += np.bincount((at[:, 0] * _LEVELS + at[:, 1]) * _LEVELS + at[:, 2], weight, _LEVELS**3)
    return np.asarray(counts / len(small), np.float32)


def outlines(look: Look) -> Array:
    """Directions of edges on a 4 x 4 grid, `(128,)`, of length 1: what is where, whatever its colors."""
    down, across = np.gradient(look.gray)
    strength, angle = np.hypot(down, across), np.arctan2(down, across) % np.pi
    height, width = look.gray.shape
    rows = np.arange(height) * _GRID // height
    columns = np.arange(width) * _GRID // width
    turn = np.minimum((angle / np.pi * _ORIENTATIONS).astype(np.intp), _ORIENTATIONS - 1)
    place = (rows[:, None] * _GRID + columns[None, :]) * _ORIENTATIONS + turn
    counts = np.bincount(place.ravel(), strength.ravel(), _GRID * _GRID * _ORIENTATIONS)
    # The root keeps one strong edge from hiding all others.
    rooted = np.sqrt(counts)
    return np.asarray(rooted / (np.linalg.norm(rooted) + 1e-9), np.float32)
