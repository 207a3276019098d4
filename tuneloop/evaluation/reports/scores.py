"""The scores in a table, each with a plot of its interval around zero, and changes in words."""

from __future__ import annotations

from dataclasses import dataclass

from tuneloop.evaluation.gate import WEIGHTED
from tuneloop.schemas.evaluation import EvaluatedImage, GatePolicy, ScoreDifference, ScoreWeights

_MARGIN = 1.12
"""How much wider than the widest interval a plot is."""
_VISIBLE = 0.02
"""Change of a single score below which it is not worth mentioning."""
_NAMED = 2


@dataclass(frozen=True)
class ScoreTable:
    """All scores of a decision, the weighted one first. Places in a plot are shares of its width, as `37.50%`."""

    rows: tuple[ScoreDifference, ...]
    policy: GatePolicy

    @property
    def compared(self) -> bool:
        """Whether there is a champion to compare with."""
        return any(item.difference is not None for item in self.rows)

    @property
    def limit(self) -> float:
        """Where the plots end, to the right and, negative, to the left."""
        ends = (end for item in self.rows for end in (item.difference, item.low, item.high) if end is not None)
        return max([2.5 * self.policy.margin, 0.02, *(abs(end) * _MARGIN for end in ends)])

    def at(self, value: float) -> str:
        return f"{(value / self.limit + 1) / 2:.2%}"

    def width(self, value: float) -> str:
        return f"{value / (2 * self.limit):.2%}"

    def share(self, name: str) -> str:
        """What a score counts."""
        weights = {item.name: float(getattr(self.policy.weights, item.name, 0.0)) for item in self.rows}
        total = sum(weights.values())
        return f"counts {weights[name] / total:.0%}" if total and weights[name] else "shown only, does not count"

    def better(self, item: ScoreDifference) -> str:
        """Which model surely is, because the interval leaves zero out."""
        return "challenger" if (item.low or 0.0) > 0 else "champion" if (item.high or 0.0) < 0 else ""

    def interval(self, item: ScoreDifference) -> str:
        """Empty where a single pair of images gives none."""
        return "" if item.low is None or item.high is None else f"{signed(item.low, 3)} to {signed(item.high, 3)}"

    def summary(self, item: ScoreDifference) -> str:
        """What the interval says."""
        if better := self.better(item):
            visible = abs(item.difference or 0.0) >= self.policy.margin
            return f"{better} better{'' if visible else ', too little to see'}"
        return "no certain difference" if self.interval(item) else ""

    @property
    def not_measured(self) -> list[str]:
        return [name for name in ScoreWeights.model_fields if name not in {item.name for item in self.rows}]

    def meaning(self, name: str) -> str:
        if name == WEIGHTED:
            return "The weighted mean of the scores below."
        field = ScoreWeights.model_fields.get(name)
        return ((field.description if field else None) or "").replace("`", "")


def largest_changes(new: EvaluatedImage, old: EvaluatedImage) -> str:
    """The scores that differ most between two models' images; empty where none does visibly."""
    differences = {name: new.scores[name] - old.scores[name] for name in new.scores.keys() & old.scores.keys()}
    largest = sorted(differences, key=lambda name: (-abs(differences[name]), name))[:_NAMED]
    visible = [name for name in largest if abs(differences[name]) >= _VISIBLE]
    return ", ".join(f"{name.replace('_', ' ')} {signed(differences[name], 2)}" for name in visible)


def signed(value: float, digits: int) -> str:
    """A number with its sign; the minus is as wide as the plus."""
    if not round(value, digits):
        return f"{0:.{digits}f}"
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
