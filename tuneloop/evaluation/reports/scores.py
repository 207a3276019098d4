"""The scores as a table, each row with a plot of its interval around zero."""

from __future__ import annotations

from typing import NamedTuple

from tuneloop.evaluation.gate import WEIGHTED
from tuneloop.evaluation.reports.observations import signed
from tuneloop.evaluation.reports.report import DecisionReport
from tuneloop.schemas.gate import GatePolicy, ScoreDifference, ScoreWeights

_MARGIN = 1.12
"""How much wider than the widest interval a plot is."""


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
    sure: bool
    """Whether the interval leaves zero out."""
    challenger: str
    champion: str | None
    difference: str | None
    interval: str | None
    summary: str
    """What the interval says."""


class ScoreTable(NamedTuple):
    """All scores of a decision, the weighted one first."""

    rows: tuple[Row, ...]
    compared: bool
    """Whether there is a champion to compare with."""
    limit: str
    """Where the plots end, to the right and, negative, to the left."""
    band_at: str
    """Left end of the band of differences that are too small to count."""
    band_width: str
    not_measured: tuple[tuple[str, str], ...]
    """Names and meanings."""


def score_table(report: DecisionReport) -> ScoreTable:
    """Lay out every score."""
    policy, differences = report.run.plan.gate, report.result.differences
    compared = any(item.difference is not None for item in differences)
    limit = _limit(differences, policy)
    names = [item.name for item in differences if item.name != WEIGHTED]
    weights = {name: float(getattr(policy.weights, name, 0.0)) for name in names}
    return ScoreTable(
        rows=tuple(_row(item, weights, policy.margin, limit, compared=compared) for item in differences),
        compared=compared,
        limit=f"{limit:.2f}",
        band_at=_position(-policy.margin, limit),
        band_width=f"{policy.margin / limit:.2%}",
        not_measured=tuple((name, _meaning(name)) for name in ScoreWeights.model_fields if name not in names),
    )


def _limit(differences: tuple[ScoreDifference, ...], policy: GatePolicy) -> float:
    ends = [abs(end) for item in differences for end in (item.difference, item.low, item.high) if end is not None]
    return max([2.5 * policy.margin, 0.02, *(end * _MARGIN for end in ends)])


def _row(item: ScoreDifference, weights: dict[str, float], margin: float, limit: float, *, compared: bool) -> Row:
    weighted = item.name == WEIGHTED
    low, high, interval, whisker, summary = item.low, item.high, None, None, ""
    if low is not None and high is not None:
        interval = f"{signed(low, 3)} to {signed(high, 3)}"
        whisker = _position(low, limit), f"{(high - low) / (2 * limit):.2%}"
        summary = _summary(low, high, abs(item.difference or 0.0) >= margin)
    return Row(
        name="All scores, weighted" if weighted else item.name.replace("_", " "),
        means="The weighted mean of the scores below." if weighted else _meaning(item.name),
        share="" if weighted else _weight(item.name, weights),
        weighted=weighted,
        dot=_position(item.difference or 0.0, limit) if compared else f"{min(max(item.challenger, 0.0), 1.0):.2%}",
        whisker=whisker,
        sure=(low or 0.0) > 0 or (high or 0.0) < 0,
        challenger=f"{item.challenger:.3f}",
        champion=None if item.champion is None else f"{item.champion:.3f}",
        difference=None if item.difference is None else signed(item.difference, 3),
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


def _summary(low: float, high: float, visible: bool) -> str:
    if low <= 0 <= high:
        return "no sure difference"
    return f"{'challenger' if low > 0 else 'champion'} better{'' if visible else ', too little to see'}"
