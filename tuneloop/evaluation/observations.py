"""What is worth saying about one image, or about the same image of two models."""

from __future__ import annotations

from collections.abc import Sequence

from tuneloop.evaluation.metrics.copy_detection import COPY_THRESHOLD
from tuneloop.schemas.evaluation import EvaluatedImage

_VISIBLE = 0.02
"""Change of a single score below which it is not worth a word."""
_NAMED = 2


def noticed(image: EvaluatedImage) -> str | None:
    """What is wrong with an image, in words; None where nothing is."""
    copy = f"copies a training image: {image.copied:.0%} of it is the same" if is_copy(image) else None
    return "; ".join(words for words in (image.finding, copy) if words) or None


def is_copy(image: EvaluatedImage) -> bool:
    """Whether the gate counts an image as a copy of a training image."""
    return image.copied >= COPY_THRESHOLD


def changed(new: EvaluatedImage, old: EvaluatedImage) -> str:
    """The scores that differ most between two models' images; empty where none does visibly."""
    apart = {name: new.scores[name] - old.scores[name] for name in new.scores.keys() & old.scores.keys()}
    largest = sorted(apart, key=lambda name: (-abs(apart[name]), name))[:_NAMED]
    return ", ".join(f"{name} {signed(apart[name], 2)}" for name in largest if abs(apart[name]) >= _VISIBLE)


def telling(new: Sequence[EvaluatedImage], old: Sequence[EvaluatedImage], most: int) -> list[int]:
    """Which images tell most, in the plan's order: those with something wrong, then those that changed most.

    Args:
        new: The challenger's images.
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
