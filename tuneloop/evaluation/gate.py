"""The gate: does a challenger become the champion? Pure: images' scores in, a verdict out.

First the floors, which every model has to pass, the first one too: copies of training images, unusable images,
diversity. Then both models are compared at the same prompts and seeds. The challenger wins where the interval of
the weighted score's mean difference lies above zero and the difference can be seen; it loses where the same is
true below zero; anything between is undecided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tuneloop.evaluation.confidence import confidence_interval
from tuneloop.evaluation.metrics.copy_detection import COPY_THRESHOLD
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation, GateResult
from tuneloop.schemas.gate import GatePolicy, ScoreDifference

WEIGHTED = "score"
"""Name of the weighted mean of all scores."""
_LONGEST_PROMPT = 120
"""Characters of a prompt within a reason."""


def apply_gate(
    challenger: Evaluation, champion: Evaluation | None, policy: GatePolicy, *, reigns: bool = False
) -> GateResult:
    """Judge a challenger.

    Args:
        challenger: Its images, scored.
        champion: The champion's, scored against the same training images; None where there is no other one.
        policy: The limits and weights.
        reigns: The challenger is the champion itself, judged on another plan.
    """
    fallen = _floors(challenger, policy)
    differences = _compared(challenger, champion, policy)
    scores = {item.name: item.challenger for item in differences}
    rule = _rule(policy)
    if fallen:
        return _by_floors("reject", fallen, rule, differences)
    if champion is None:
        who = "The champion itself, judged on another plan" if reigns else "First model"
        why = f"{who}: it passes every floor ({_passed(challenger)})."
        return _by_floors("promote", why, rule, differences)
    verdict, why = _against(differences, policy)
    if verdict == "undecided" and policy.undecided != "ask":
        verdict = "promote" if policy.undecided == "promote" else "reject"
        why = f"{why} The gate is set to {policy.undecided} then."
    return GateResult.model_validate(
        {"verdict": verdict, "reason": why, "rule": rule, "scores": scores, "differences": differences}
    )


def _by_floors(
    verdict: Literal["promote", "reject"], why: str, rule: str, differences: tuple[ScoreDifference, ...]
) -> GateResult:
    scores = {item.name: item.challenger for item in differences}
    return GateResult(
        verdict=verdict, reason=why, rule=rule, scores=scores, differences=differences, by_thresholds=True
    )


def _floors(challenger: Evaluation, policy: GatePolicy) -> str | None:
    """Say which floor the challenger has fallen through, None where it stands."""
    images = challenger.images
    copies = [image for image in images if image.copied >= COPY_THRESHOLD]
    if len(copies) > policy.max_copies:
        worst = max(copies, key=lambda image: image.copied)
        return (
            f"{len(copies)} of {len(images)} images copy a training image; the clearest one by "
            f"{worst.copied:.0%} ({_place(worst)})."
        )
    unusable = [image for image in images if image.finding]
    if len(unusable) > policy.max_unusable:
        first = unusable[0]
        return (
            f"{len(unusable)} of {len(images)} images cannot be used; the first: {first.finding} "
            f"({_place(first)})."
        )
    spread = _spread(images)
    if spread and float(np.mean(spread)) < policy.min_diversity:
        return (
            f"The seeds give one image again and again: diversity {np.mean(spread):.3f} is below "
            f"{policy.min_diversity:.3f}."
        )
    return None


def _spread(images: tuple[EvaluatedImage, ...]) -> list[float]:
    return [image.scores["diversity"] for image in images if "diversity" in image.scores]


def _place(image: EvaluatedImage) -> str:
    """Prompt and seed, in a sentence that a run's state can hold."""
    prompt = image.prompt
    if len(prompt) > _LONGEST_PROMPT:
        prompt = prompt[: _LONGEST_PROMPT - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return f"prompt {prompt!r}, seed {image.seed}"


def _passed(challenger: Evaluation) -> str:
    """Say what the floors have seen of a model, and nothing that was not looked at."""
    images = challenger.images
    total, usable = len(images), sum(not image.finding for image in images)
    copies = sum(image.copied >= COPY_THRESHOLD for image in images)
    searched = any(image.nearest for image in images)
    spread = bool(_spread(images))
    several = len({image.seed for image in images}) > 1
    if not searched:
        copying = "copies not looked for"
    else:
        copying = f"{copies} of {total} are copies, as allowed" if copies else "no copies"
    all_usable = f"{total} usable image{'s' if total > 1 else ''}"
    use = all_usable if usable == total else f"{usable} of {total} images usable"
    diversity = "enough diversity" if spread and several else "diversity not measured"
    return f"{copying}, {use}, {diversity}"


@dataclass(frozen=True)
class _Table:
    """Scores of the images that both models have.

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
    pairs = list(zip(challenger.images, champion.images if champion else challenger.images, strict=True))
    both = [(new, old) for new, old in pairs if new.scores and old.scores]
    if not both:
        return None
    names = [name for name in both[0][0].scores if all(name in one.scores for pair in both for one in pair)]
    weights = np.asarray([getattr(policy.weights, name, 0.0) for name in names], float)
    if weights.sum() > 0:
        weights = weights / weights.sum()

    def rows(images: list[EvaluatedImage]) -> np.ndarray:
        values = np.asarray([[image.scores[name] for name in names] for image in images], float)
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
    low, high = confidence_interval(apart, policy.confidence, table.prompts)
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
    """An end of an interval, None where one pair of images gives none."""
    return float(end) if np.isfinite(end) else None


def _against(differences: tuple[ScoreDifference, ...], policy: GatePolicy) -> tuple[str, str]:
    """The verdict against a champion, and its reason."""
    if not differences:
        return "undecided", "No image of both models can be compared."
    whole, *others = differences
    if whole.low is None or whole.high is None or whole.difference is None:
        return "undecided", "Only one image of both models can be compared, which is too few to tell."
    parts = [part for part in others if getattr(policy.weights, part.name, 0.0) > 0]
    if not parts:
        return "undecided", "No score was measured that has a weight."
    low, high, mean = whole.low, whole.high, whole.difference
    measured = f"{_signed(mean)} (between {_signed(low)} and {_signed(high)})"
    if high < 0 and mean <= -policy.margin:
        return "reject", f"The challenger is worse: its score differs by {measured}{_mostly(parts, worse=True)}."
    if low > 0 and mean >= policy.margin:
        return _better(parts, measured, policy)
    too_small = f"The difference is too small to count: {measured}, the margin is {policy.margin:g}."
    unsure = f"Neither model is surely better: the score differs by {measured}."
    return "undecided", too_small if low > 0 or high < 0 else unsure


def _better(parts: list[ScoreDifference], measured: str, policy: GatePolicy) -> tuple[str, str]:
    """The verdict on a challenger whose score is surely higher: a great loss in one part stops it."""
    lost = [part for part in parts if (part.high or 0.0) < -policy.max_regression]
    if not lost:
        return "promote", f"The challenger is better: its score differs by {measured}{_mostly(parts)}."
    worst = min(lost, key=lambda part: part.difference or 0.0)
    return "undecided", (
        f"The challenger's score is better ({measured}), but {worst.name} is worse "
        f"({_signed(worst.difference or 0.0)})."
    )


def _mostly(parts: list[ScoreDifference], *, worse: bool = False) -> str:
    """Name the score that says so most clearly."""
    sign = -1.0 if worse else 1.0
    most = max(parts, key=lambda part: sign * (part.difference or 0.0))
    change = most.difference or 0.0
    return f", most in {most.name} ({_signed(change)})" if sign * change > 0 else ""


def _signed(value: float) -> str:
    return f"{value:+.3f}" if round(value, 3) else "0.000"


def _rule(policy: GatePolicy) -> str:
    otherwise = {"ask": "a person is asked", "reject": "the champion stays", "promote": "the challenger is taken"}
    return (
        f"at most {policy.max_copies} copies and {policy.max_unusable} unusable images, diversity of at least "
        f"{policy.min_diversity:g}; then the score: the {policy.confidence:.0%} interval of its difference has "
        f"to leave zero out, and the difference to be at least {policy.margin:g}; "
        f"where it does not, {otherwise[policy.undecided]}"
    )
