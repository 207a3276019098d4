"""What is worth saying about one picture, or about the same picture of two models."""

from __future__ import annotations

from collections.abc import Sequence

from tuneloop.evaluation.metrics.copying import COPY_THRESHOLD
from tuneloop.schemas.evaluation import EvaluatedImage

_VISIBLE = 0.02
"""Change of a single score below which it is not worth a word."""
_NAMED = 2


def noticed(picture: EvaluatedImage) -> str | None:
    """What is wrong with a picture, in words; None where nothing is."""
    copy = f"copies a training picture: {picture.copied:.0%} of it is the same" if is_copy(picture) else None
    return "; ".join(words for words in (picture.finding, copy) if words) or None


def is_copy(picture: EvaluatedImage) -> bool:
    """Whether the gate counts a picture as a copy of a training picture."""
    return picture.copied >= COPY_THRESHOLD


def changed(new: EvaluatedImage, old: EvaluatedImage) -> str:
    """The scores that differ most between two models' pictures; empty where none does visibly."""
    apart = {name: new.scores[name] - old.scores[name] for name in new.scores.keys() & old.scores.keys()}
    largest = sorted(apart, key=lambda name: (-abs(apart[name]), name))[:_NAMED]
    return ", ".join(f"{name} {signed(apart[name], 2)}" for name in largest if abs(apart[name]) >= _VISIBLE)


def telling(new: Sequence[EvaluatedImage], old: Sequence[EvaluatedImage], most: int) -> list[int]:
    """Which pictures tell most, in the plan's order: those with something wrong, then those that changed most.

    Args:
        new: The challenger's pictures.
        old: The champion's, or none.
        most: How many.
    """

    def weight(at: int) -> tuple[bool, float]:
        if not old:
            return bool(noticed(new[at])), 0.0
        shared = new[at].scores.keys() & old[at].scores.keys()
        apart = sum(abs(new[at].scores[name] - old[at].scores[name]) for name in shared)
        return bool(noticed(new[at]) or noticed(old[at])), apart

    return sorted(sorted(range(len(new)), key=weight, reverse=True)[:most])


def signed(value: float, digits: int) -> str:
    """A number with its sign; the minus is as wide as the plus."""
    if not round(value, digits):
        return f"{0:.{digits}f}"
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
