"""How sure a mean is: bootstrap intervals of paired differences."""

from __future__ import annotations

import hashlib
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 4000
_CLOSED_FORMS = 2


def interval(differences: NDArray[np.floating[Any]], confidence: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Two-sided percentile interval of the mean of each column.

    All columns are resampled together, so that the weighted score and its parts agree. With few pairs a plain
    percentile interval is too narrow; it is widened as Student's interval is wider than the normal one
    (T. Hesterberg, What Teachers Should Know About the Bootstrap, 2015). Same differences, same interval.

    Args:
        differences: `(pairs, scores)`.
        confidence: Such as 0.95.

    Returns:
        Lower and upper ends, `(scores,)` each; minus and plus infinity for a single pair.
    """
    pairs = len(differences)
    mean = differences.mean(axis=0)
    if pairs == 1:
        return np.full_like(mean, -np.inf), np.full_like(mean, np.inf)
    seed = hashlib.sha256(np.ascontiguousarray(differences, np.float64).tobytes()).digest()
    chance = np.random.default_rng(int.from_bytes(seed[:8], "big"))
    drawn = chance.multinomial(pairs, np.full(pairs, 1 / pairs), size=_RESAMPLES)
    means = drawn @ differences / pairs
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    wider = _widening(pairs, tail)
    return mean - (mean - low) * wider, mean + (high - mean) * wider


def _widening(pairs: int, tail: float) -> float:
    """Student's quantile over the normal one, times the bias of a resampled deviation."""
    normal = NormalDist().inv_cdf(1 - tail)
    return float(_student_quantile(pairs - 1, normal) / normal * (pairs / (pairs - 1)) ** 0.5)


def _student_quantile(freedom: int, normal: float) -> float:
    """Quantile of Student's distribution from the normal one (Cornish and Fisher's expansion, four terms)."""
    z, v = normal, float(freedom)
    if freedom <= _CLOSED_FORMS:
        return _few(freedom, NormalDist().cdf(z))
    terms = (
        (z**3 + z) / (4 * v),
        (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2),
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3),
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * v**4),
    )
    return z + sum(terms)


def _few(freedom: int, share: float) -> float:
    """One and two degrees of freedom have closed forms, where the expansion is poor."""
    if freedom == 1:
        return float(np.tan(np.pi * (share - 0.5)))
    return float((2 * share - 1) * (2 / (4 * share * (1 - share))) ** 0.5)
