"""What is worth saying about one image, or about the same image of two models."""

from __future__ import annotations

from collections.abc import Sequence

from tuneloop.evaluation.metrics.copy_detection import COPY_THRESHOLD
from tuneloop.schemas.evaluation import EvaluatedImage

_VISIBLE = 0.02
"""Change of a single score below which it is not worth mentioning."""
_NAMED = 2


def observations(image: EvaluatedImage) -> str | None:
    """What is wrong with an image; None where nothing is."""
    copy = f"copies a training image: {image.copied:.0%} of it is the same" if is_copy(image) else None
    return "; ".join(text for text in (image.finding, copy) if text) or None


def is_copy(image: EvaluatedImage) -> bool:
    """Whether the gate counts an image as a copy of a training image."""
    return image.copied >= COPY_THRESHOLD


def largest_changes(new: EvaluatedImage, old: EvaluatedImage) -> str:
    """The scores that differ most between two models' images; empty where none does visibly."""
    differences = {name: new.scores[name] - old.scores[name] for name in new.scores.keys() & old.scores.keys()}
    largest = sorted(differences, key=lambda name: (-abs(differences[name]), name))[:_NAMED]
    visible = [name for name in largest if abs(differences[name]) >= _VISIBLE]
    return ", ".join(f"{name.replace('_', ' ')} {signed(differences[name], 2)}" for name in visible)


def most_informative(new: Sequence[EvaluatedImage], old: Sequence[EvaluatedImage], limit: int) -> list[int]:
    """Places of the images to show, in order: those with something wrong, then those that changed most."""

    def weight(at: int) -> tuple[bool, float]:
        if not old:
            return bool(observations(new[at])), 0.0
        shared = new[at].scores.keys() & old[at].scores.keys()
        change = sum(abs(new[at].scores[name] - old[at].scores[name]) for name in shared)
        return bool(observations(new[at]) or observations(old[at])), change

    return sorted(sorted(range(len(new)), key=weight, reverse=True)[:limit])


def signed(value: float, digits: int) -> str:
    """A number with its sign; the minus is as wide as the plus."""
    if not round(value, digits):
        return f"{0:.{digits}f}"
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
