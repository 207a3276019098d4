"""Bootstrap confidence intervals of paired differences."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 4000
_MIN_CORRELATION = 0.25
"""Correlation inside a prompt that is assumed even where less is seen: few prompts cannot show that there is none.
With it, the gate prefers one of two equal models whose images of one prompt differ alike (correlation up to 0.3)
in about 1 of 20 gates; without it, with three prompts of four seeds, in 1 of 6."""


def confidence_interval(
    differences: NDArray[np.floating[Any]], confidence: float, prompts: Sequence[str] | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Two-sided percentile interval of the mean of each column.

    All columns are resampled together, so that the weighted score and its parts agree. With few pairs a plain
    percentile interval is too narrow; it is widened as Student's interval is wider than the normal one
    (T. Hesterberg, What Teachers Should Know About the Bootstrap, 2015), and never narrower than Student's. Pairs
    of one prompt differ alike, so they weigh less than as many of different prompts: the interval is widened by
    their correlation (the design effect of L. Kish, Survey Sampling, 1965). Same differences, same interval.

    `differences` is `(pairs, scores)`; `prompts` has the prompt of each pair, None where all are different.

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
    means = np.einsum("rp,ps->rs", drawn, differences) / pairs
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    normal = NormalDist().inv_cdf(1 - tail)
    quantile = _student_quantile(pairs - 1, normal)
    # Student's quantile over the normal one, times the bias of a resampled deviation.
    wider = float(quantile / normal * (pairs / (pairs - 1)) ** 0.5)
    student = quantile * differences.std(axis=0, ddof=1) / pairs**0.5
    alike = _design_effect(differences, prompts) ** 0.5
    below, above = (np.maximum(side * wider, student) * alike for side in (mean - low, high - mean))
    return mean - below, mean + above


def _design_effect(differences: NDArray[np.floating[Any]], prompts: Sequence[str] | None) -> NDArray[Any]:
    """Variance of each column's mean, as a multiple of what it were if all pairs were of different prompts."""
    pairs, columns = differences.shape
    _, groups, counts = np.unique(prompts or range(pairs), return_inverse=True, return_counts=True)
    together = float((counts**2).sum() / pairs)
    alike = np.full(columns, _MIN_CORRELATION)
    if 1 < len(counts) < pairs:
        means = np.stack([differences[groups == group].mean(axis=0) for group in range(len(counts))])
        within = ((differences - means[groups]) ** 2).sum(axis=0) / (pairs - len(counts))
        between = (counts[:, None] * (means - differences.mean(axis=0)) ** 2).sum(axis=0) / (len(counts) - 1)
        each = (pairs - together) / (len(counts) - 1)
        seen = (between - within) / np.maximum(between + (each - 1) * within, 1e-30)
        alike = np.clip(seen, _MIN_CORRELATION, 1)
    # The deviation over all pairs is too small itself where they are alike.
    return np.asarray((1 + (together - 1) * alike) / (1 - alike * (together - 1) / (pairs - 1)))


def _student_quantile(freedom: int, normal: float) -> float:
    """Quantile of Student's distribution from the normal one (Cornish and Fisher's expansion, four terms).

    One and two degrees of freedom have closed forms, where the expansion is poor.
    """
    z, v = normal, float(freedom)
    share = NormalDist().cdf(z)
    if freedom == 1:
        return float(np.tan(np.pi * (share - 0.5)))
    if freedom == 2:  # noqa: PLR2004
        return float((2 * share - 1) * (2 / (4 * share * (1 - share))) ** 0.5)
    terms = (
        (z**3 + z) / (4 * v),
        (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2),
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3),
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * v**4),
    )
    return z + sum(terms)
