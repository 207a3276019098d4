"""The scores as a table, each row with a plot of its interval around zero, and changes in words."""

from __future__ import annotations

from typing import NamedTuple

from tuneloop.evaluation.gate import WEIGHTED
from tuneloop.schemas.evaluation import EvaluatedImage, GatePolicy, GateResult, ScoreDifference, ScoreWeights

_MARGIN = 1.12
"""How much wider than the widest interval a plot is."""
_VISIBLE = 0.02
"""Change of a single score below which it is not worth mentioning."""
_NAMED = 2


class Row(NamedTuple):
    """One score. The marks of its plot lie at shares of the plot's width such as `37.50%`."""

    name: str
    means: str
    share: str
    """What it counts."""
    weighted: bool
    """It is the weighted mean of the others."""
    dot: str
    whisker: tuple[str, str] | None
    """Left end and length; None for a score without an interval."""
    better: str | None
    """`challenger` or `champion`, which surely is: the interval leaves zero out."""
    challenger: str
    champion: str
    difference: str
    interval: str
    summary: str
    """What the interval says."""


class ScoreTable(NamedTuple):
    """All scores of a decision, the weighted one first."""

    rows: list[Row]
    compared: bool
    """Whether there is a champion to compare with."""
    limit: str
    """Where the plots end, to the right and, negative, to the left."""
    band_at: str
    """Left end of the band of differences that are too small to count."""
    band_width: str
    not_measured: list[tuple[str, str]]
    """Names and meanings."""


def score_table(result: GateResult, policy: GatePolicy) -> ScoreTable:
    """Lay out every score."""
    differences = result.differences
    compared = any(item.difference is not None for item in differences)
    ends = [abs(end) for item in differences for end in (item.difference, item.low, item.high) if end is not None]
    limit = max([2.5 * policy.margin, 0.02, *(end * _MARGIN for end in ends)])
    names = [item.name for item in differences if item.name != WEIGHTED]
    weights = {name: float(getattr(policy.weights, name, 0.0)) for name in names}
    return ScoreTable(
        rows=[_row(item, weights, policy.margin, limit, compared=compared) for item in differences],
        compared=compared,
        limit=f"{limit:.2f}",
        band_at=_position(-policy.margin, limit),
        band_width=f"{policy.margin / limit:.2%}",
        not_measured=[(name, _meaning(name)) for name in ScoreWeights.model_fields if name not in names],
    )


def _row(item: ScoreDifference, weights: dict[str, float], margin: float, limit: float, *, compared: bool) -> Row:
    weighted = item.name == WEIGHTED
    better, whisker, interval, summary = None, None, "", ""
    if item.low is not None and item.high is not None:
        better = "challenger" if item.low > 0 else "champion" if item.high < 0 else None
        whisker = _position(item.low, limit), f"{(item.high - item.low) / (2 * limit):.2%}"
        interval = f"{signed(item.low, 3)} to {signed(item.high, 3)}"
        visible = abs(item.difference or 0.0) >= margin
        summary = f"{better} better{'' if visible else ', too little to see'}" if better else "no sure difference"
    return Row(
        name="All scores, weighted" if weighted else item.name.replace("_", " "),
        means="The weighted mean of the scores below." if weighted else _meaning(item.name),
        share="" if weighted else _weight(item.name, weights),
        weighted=weighted,
        dot=_position(item.difference or 0.0, limit) if compared else f"{min(max(item.challenger, 0.0), 1.0):.2%}",
        whisker=whisker,
        better=better,
        challenger=f"{item.challenger:.3f}",
        champion="" if item.champion is None else f"{item.champion:.3f}",
        difference="" if item.difference is None else signed(item.difference, 3),
        interval=interval,
        summary=summary,
    )


def _meaning(name: str) -> str:
    field = ScoreWeights.model_fields.get(name)
    return ((field.description if field else None) or "").replace("`", "")


def _weight(name: str, weights: dict[str, float]) -> str:
    total = sum(weights.values())
    return f"counts {weights[name] / total:.0%}" if total and weights[name] else "shown only, counts nothing"


def _position(value: float, limit: float) -> str:
    return f"{(value / limit + 1) / 2:.2%}"


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
