"""The gate: does a challenger become the champion? Pure: pictures' scores in, a verdict out.

First the floors, which every model has to pass, the first one too: copies of training pictures, unusable pictures,
diversity. Then both models are compared at the same prompts and seeds. The challenger wins where the interval of
the weighted score's mean difference lies above zero and the difference can be seen; it loses where the same is
true below zero; anything between is undecided.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuneloop.scoring.bootstrap import interval
from tuneloop.scoring.copying import COPIED_FROM
from tuneloop.values.evaluation import Evaluation, JudgedPicture, Verdict
from tuneloop.values.gate import GatePolicy, ScoreDifference

WEIGHTED = "score"
"""Name of the weighted mean of all scores."""


def decide(
    challenger: Evaluation, champion: Evaluation | None, policy: GatePolicy, *, reigns: bool = False
) -> Verdict:
    """Judge a challenger.

    Args:
        challenger: Its pictures, scored.
        champion: The champion's, scored against the same training pictures; None where there is no other one.
        policy: The limits and weights.
        reigns: The challenger is the champion itself, judged on another plan.
    """
    fallen = _floors(challenger, policy)
    differences = _compared(challenger, champion, policy)
    scores = {item.name: item.challenger for item in differences}
    rule = _rule(policy)
    if fallen:
        return Verdict(verdict="reject", why=fallen, rule=rule, scores=scores, differences=differences)
    if champion is None:
        who = "The champion itself, judged on another plan" if reigns else "First model"
        why = f"{who}: it passes every floor ({_found(challenger)})."
        return Verdict(verdict="promote", why=why, rule=rule, scores=scores, differences=differences)
    verdict, why = _against(differences, policy)
    if verdict == "undecided" and policy.undecided != "ask":
        verdict = "promote" if policy.undecided == "promote" else "reject"
        why = f"{why} The gate is set to {policy.undecided} then."
    return Verdict.model_validate(
        {"verdict": verdict, "why": why, "rule": rule, "scores": scores, "differences": differences}
    )


def _floors(challenger: Evaluation, policy: GatePolicy) -> str | None:
    """Say which floor the challenger has fallen through, None where it stands."""
    pictures = challenger.pictures
    copies = [picture for picture in pictures if picture.copied >= COPIED_FROM]
    if len(copies) > policy.most_copied:
        worst = max(copies, key=lambda picture: picture.copied)
        return (
            f"{len(copies)} of {len(pictures)} pictures copy a training picture; the clearest one by "
            f"{worst.copied:.0%} (prompt {worst.prompt!r}, seed {worst.seed})."
        )
    unusable = [picture for picture in pictures if picture.finding]
    if len(unusable) > policy.most_unusable:
        first = unusable[0]
        return (
            f"{len(unusable)} of {len(pictures)} pictures cannot be used; the first: {first.finding} "
            f"(prompt {first.prompt!r}, seed {first.seed})."
        )
    spread = _spread(pictures)
    if spread and float(np.mean(spread)) < policy.least_diversity:
        return (
            f"The seeds give one picture again and again: diversity {np.mean(spread):.3f} is below "
            f"{policy.least_diversity:.3f}."
        )
    return None


def _found(challenger: Evaluation) -> str:
    """What the floors saw; what was not measured is not praised."""
    pictures = challenger.pictures
    copies = sum(picture.copied >= COPIED_FROM for picture in pictures)
    usable = sum(not picture.finding for picture in pictures)
    sought = any(picture.nearest for picture in pictures)
    return ", ".join(
        (
            (f"{copies or 'no'} copies" if copies != 1 else "1 copy") if sought else "copies were not sought",
            f"{usable} usable pictures" if usable == len(pictures) else f"{usable} of {len(pictures)} usable",
            "enough diversity" if _spread(pictures) else "diversity was not measured",
        )
    )


def _spread(pictures: tuple[JudgedPicture, ...]) -> list[float]:
    return [picture.scores["diversity"] for picture in pictures if "diversity" in picture.scores]


@dataclass(frozen=True)
class _Table:
    """Scores of the pictures that both models have.

    Attributes:
        prompts: The prompt of each pair.
        names: The scores, the weighted one first.
        challenger: `(pairs, scores)`.
        champion: `(pairs, scores)`, None for a first model.
    """

    prompts: tuple[str, ...]
    names: tuple[str, ...]
    challenger: np.ndarray
    champion: np.ndarray | None


def _table(challenger: Evaluation, champion: Evaluation | None, policy: GatePolicy) -> _Table | None:
    pairs = list(zip(challenger.pictures, champion.pictures if champion else challenger.pictures, strict=True))
    both = [(new, old) for new, old in pairs if new.scores and old.scores]
    if not both:
        return None
    names = [name for name in both[0][0].scores if all(name in one.scores for pair in both for one in pair)]
    weights = np.asarray([getattr(policy.weights, name, 0.0) for name in names], float)
    if weights.sum() > 0:
        weights = weights / weights.sum()

    def rows(pictures: list[JudgedPicture]) -> np.ndarray:
        values = np.asarray([[picture.scores[name] for name in names] for picture in pictures], float)
        return np.column_stack([values @ weights, values])

    old = rows([pair[1] for pair in both]) if champion else None
    prompts = tuple(pair[0].prompt for pair in both)
    return _Table(prompts, (WEIGHTED, *names), rows([pair[0] for pair in both]), old)


def _compared(
    challenger: Evaluation, champion: Evaluation | None, policy: GatePolicy
) -> tuple[ScoreDifference, ...]:
    """Every score of both models with the interval of its mean paired difference."""
    table = _table(challenger, champion, policy)
    if table is None:
        return ()
    new = table.challenger.mean(axis=0)
    if table.champion is None:
        named = zip(table.names, new, strict=True)
        return tuple(ScoreDifference(name=name, challenger=float(value)) for name, value in named)
    apart = table.challenger - table.champion
    low, high = interval(apart, policy.confidence, table.prompts)
    old, mean = table.champion.mean(axis=0), apart.mean(axis=0)
    return tuple(
        ScoreDifference(
            name=name,
            challenger=float(new[at]),
            champion=float(old[at]),
            difference=float(mean[at]),
            low=_finite(low[at]),
            high=_finite(high[at]),
        )
        for at, name in enumerate(table.names)
    )


def _finite(end: float) -> float | None:
    """An end of an interval, None where one pair of pictures gives none."""
    return float(end) if np.isfinite(end) else None


def _against(differences: tuple[ScoreDifference, ...], policy: GatePolicy) -> tuple[str, str]:
    """The verdict against a champion, and its reason."""
    if not differences:
        return "undecided", "No picture of both models can be compared."
    whole, *others = differences
    if whole.low is None or whole.high is None or whole.difference is None:
        return "undecided", "Only one picture of both models can be compared, which is too few to tell."
    parts = [part for part in others if getattr(policy.weights, part.name, 0.0) > 0]
    if not parts:
        return "undecided", "No score was measured that has a weight."
    low, high, mean = whole.low, whole.high, whole.difference
    measured = f"{mean:+.3f} (between {low:+.3f} and {high:+.3f})"
    if high < 0 and mean <= -policy.margin:
        return "reject", f"The challenger is worse: its score differs by {measured}{_mostly(parts, worse=True)}."
    if low > 0 and mean >= policy.margin:
        return _better(parts, measured, policy)
    too_small = f"The difference is too small to count: {measured}, the margin is {policy.margin:g}."
    unsure = f"Neither model is surely better: the score differs by {measured}."
    return "undecided", too_small if low > 0 or high < 0 else unsure


def _better(parts: list[ScoreDifference], measured: str, policy: GatePolicy) -> tuple[str, str]:
    """The verdict on a challenger whose score is surely higher: a great loss in one part stops it."""
    lost = [part for part in parts if (part.high or 0.0) < -policy.worst_loss]
    if not lost:
        return "promote", f"The challenger is better: its score differs by {measured}{_mostly(parts)}."
    worst = min(lost, key=lambda part: part.difference or 0.0)
    return "undecided", (
        f"The challenger's score is better ({measured}), but {worst.name} is worse ({worst.difference:+.3f})."
    )


def _mostly(parts: list[ScoreDifference], *, worse: bool = False) -> str:
    """Name the score that says so most clearly."""
    sign = -1.0 if worse else 1.0
    most = max(parts, key=lambda part: sign * (part.difference or 0.0))
    return f", most in {most.name} ({most.difference:+.3f})" if sign * (most.difference or 0.0) > 0 else ""


def _rule(policy: GatePolicy) -> str:
    return (
        f"at most {policy.most_copied} copies and {policy.most_unusable} unusable pictures, diversity from "
        f"{policy.least_diversity:g}; then the paired score at {policy.confidence:.0%} confidence, "
        f"differences from {policy.margin:g}, undecided: {policy.undecided}"
    )
