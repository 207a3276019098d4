"""The scores as a table, each row with a plot of its interval around zero."""

from __future__ import annotations

from dataclasses import dataclass

from tuneloop.evaluation.gate import WEIGHTED
from tuneloop.evaluation.observations import signed
from tuneloop.evaluation.reports.report import DecisionReport
from tuneloop.schemas.gate import GatePolicy, ScoreDifference, ScoreWeights

_ROOM = 1.12
"""How much wider than the widest interval a plot is."""


@dataclass(frozen=True)
class Plot:
    """Where a row's marks lie, each as a share of the plot's width such as `37.50%`.

    Attributes:
        at: The dot.
        low: Left end of the whisker, None for a score without an interval.
        width: Length of the whisker, None likewise.
        sure: Whether the whisker leaves zero out.
    """

    at: str
    low: str | None = None
    width: str | None = None
    sure: bool = False


@dataclass(frozen=True)
class Row:
    """One score."""

    name: str
    means: str
    share: str
    whole: bool
    plot: Plot
    challenger: str
    champion: str | None
    difference: str | None
    interval: str | None
    says: str
    """What the interval says, in words."""


@dataclass(frozen=True)
class Scores:
    """All scores of a decision.

    Attributes:
        rows: The weighted one first.
        compared: Whether there is a champion to compare with.
        limit: Where the plots end, to the right and, negative, to the left.
        band_at: Left end of the band of differences that are too small to count.
        band_width: Its width.
        by_thresholds: Whether the floors decided and the scores had no say.
        idle: Names and meanings of those that were not.
        clip_model: What measured the CLIP scores, None where nothing did.
    """

    rows: tuple[Row, ...]
    compared: bool
    limit: str
    band_at: str
    band_width: str
    by_thresholds: bool
    idle: tuple[tuple[str, str], ...]
    clip_model: str | None


def scores(evidence: DecisionReport) -> Scores:
    """Lay out every score."""
    policy, differences = evidence.run.plan.gate, evidence.result.differences
    compared = any(item.difference is not None for item in differences)
    limit = _limit(differences, policy)
    names = tuple(item.name for item in differences if item.name != WEIGHTED)
    weights = {name: float(getattr(policy.weights, name, 0.0)) for name in names}
    return Scores(
        rows=tuple(_row(item, weights, policy.margin, limit, compared=compared) for item in differences),
        compared=compared,
        limit=f"{limit:.2f}",
        band_at=_place(-policy.margin, limit),
        band_width=_share(policy.margin / limit),
        by_thresholds=evidence.result.by_thresholds,
        idle=tuple((name, _meaning(name)) for name in ScoreWeights.model_fields if name not in names),
        clip_model=evidence.challenger.clip_model,
    )


def _limit(differences: tuple[ScoreDifference, ...], policy: GatePolicy) -> float:
    ends = [abs(end) for item in differences for end in (item.difference, item.low, item.high) if end is not None]
    return max([2.5 * policy.margin, 0.02, *(end * _ROOM for end in ends)])


def _row(item: ScoreDifference, weights: dict[str, float], margin: float, limit: float, *, compared: bool) -> Row:
    whole = item.name == WEIGHTED
    return Row(
        name="All scores, weighted" if whole else item.name.replace("_", " "),
        means="The weighted mean of the scores below." if whole else _meaning(item.name),
        share="" if whole else _counts(item.name, weights),
        whole=whole,
        plot=_plot(item, limit) if compared else Plot(at=_share(min(max(item.challenger, 0.0), 1.0))),
        challenger=f"{item.challenger:.3f}",
        champion=None if item.champion is None else f"{item.champion:.3f}",
        difference=None if item.difference is None else signed(item.difference, 3),
        interval=_interval(item),
        says=_says(item, margin),
    )


def _meaning(name: str) -> str:
    field = ScoreWeights.model_fields.get(name)
    return ((field.description if field else None) or "").replace("`", "")


def _counts(name: str, weights: dict[str, float]) -> str:
    total = sum(weights.values())
    return f"counts {weights[name] / total:.0%}" if total and weights[name] else "shown only, counts nothing"


def _plot(item: ScoreDifference, limit: float) -> Plot:
    at = _place(item.difference or 0.0, limit)
    if item.low is None or item.high is None:
        return Plot(at=at)
    width = _share((item.high - item.low) / (2 * limit))
    return Plot(at=at, low=_place(item.low, limit), width=width, sure=item.low > 0 or item.high < 0)


def _place(value: float, limit: float) -> str:
    return _share((value / limit + 1) / 2)


def _share(part: float) -> str:
    return f"{part:.2%}"


def _interval(item: ScoreDifference) -> str | None:
    if item.low is None or item.high is None:
        return None
    return f"{signed(item.low, 3)} to {signed(item.high, 3)}"


def _says(item: ScoreDifference, margin: float) -> str:
    if item.low is None or item.high is None or item.difference is None:
        return ""
    if item.low > 0:
        return "challenger better" if item.difference >= margin else "challenger better, too little to see"
    if item.high < 0:
        return "champion better" if item.difference <= -margin else "champion better, too little to see"
    return "no sure difference"
