"""The gate: does a challenger become the champion? Pure: images' scores in, a verdict out.

First the thresholds, which every model has to pass, the first one too: copies of training images, unusable images,
diversity. Then both models are compared at the same prompts and seeds. The challenger wins where the interval of
the weighted score's mean difference lies above zero and the difference can be seen; it loses where the same is
true below zero; anything between is undecided.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tuneloop.evaluation.confidence import confidence_interval
from tuneloop.evaluation.metrics.copy_detection import COPY_THRESHOLD
from tuneloop.schemas.evaluation import (
    EvaluatedImage,
    Evaluation,
    GatePolicy,
    GateResult,
    ScoreDifference,
    Verdict,
)

WEIGHTED = "score"
"""Name of the weighted mean of all scores."""
_PROMPT_CHARACTERS = 120
"""Of a prompt within a reason."""
_IN_WORDS = {
    "sharpness": ("sharper edges", "softer edges"),
    "low_noise": ("less grain", "more grain"),
    "exposure": ("truer light and contrast", "weaker light and contrast"),
    "color_similarity": ("colors nearer to the training images", "colors farther from the training images"),
    "edge_similarity": ("outlines nearer to the training images", "outlines farther from the training images"),
    "hash_similarity": ("a closer likeness", "a looser likeness"),
    "diversity": ("more variety between seeds", "less variety between seeds"),
    "clip_text": ("images that fit their prompts better", "images that fit their prompts less"),
    "clip_image": ("a closer likeness", "a looser likeness"),
}
"""A rise of each score, and a fall."""


def apply_gate(
    challenger: Evaluation, champion: Evaluation | None, policy: GatePolicy, *, is_current_champion: bool = False
) -> GateResult:
    """Judge a challenger by its scored images.

    The champion's are scored against the same training images; None where there is no other one, because this is
    the first model or `is_current_champion`: the champion itself, judged on another plan.
    """
    differences = _differences(challenger, champion, policy)
    verdict: Verdict = "reject"
    reason = _failed_threshold(challenger, policy)
    by_thresholds = champion is None or reason is not None
    if champion is None and reason is None:
        who = "The champion itself, evaluated with another plan" if is_current_champion else "First model"
        verdict, reason = "promote", f"{who}: it passes every threshold ({_passed(challenger)})."
    elif reason is None:
        verdict, reason = _compare(differences, policy)
        if verdict == "undecided" and policy.undecided != "review":
            verdict, reason = policy.undecided, f"{reason} The gate is set to {policy.undecided} then."
    return GateResult(
        verdict=verdict,
        reason=reason,
        rule=_rule(policy),
        scores={item.name: item.challenger for item in differences},
        differences=differences,
        by_thresholds=by_thresholds,
    )


def _failed_threshold(challenger: Evaluation, policy: GatePolicy) -> str | None:
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
    diversity = _diversity(images)
    if diversity and float(np.mean(diversity)) < policy.min_diversity:
        return (
            f"Different seeds give nearly the same image: diversity {np.mean(diversity):.3f} is below "
            f"{policy.min_diversity:.3f}."
        )
    return None


def _diversity(images: tuple[EvaluatedImage, ...]) -> list[float]:
    return [image.scores["diversity"] for image in images if "diversity" in image.scores]


def _place(image: EvaluatedImage) -> str:
    """Prompt and seed, in a sentence that a run's state can hold."""
    prompt = image.prompt
    if len(prompt) > _PROMPT_CHARACTERS:
        prompt = prompt[: _PROMPT_CHARACTERS - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return f"prompt {prompt!r}, seed {image.seed}"


def _passed(challenger: Evaluation) -> str:
    """Say what was checked of a model, and nothing that was not."""
    images = challenger.images
    total, usable = len(images), sum(not image.finding for image in images)
    copies = sum(image.copied >= COPY_THRESHOLD for image in images)
    copying = f"{copies} of {total} are copies, as allowed" if copies else "no copies"
    if not any(image.nearest for image in images):
        copying = "copies not checked"
    all_usable = f"{total} usable image{'s' if total > 1 else ''}"
    use = all_usable if usable == total else f"{usable} of {total} images usable"
    several_seeds = len({image.seed for image in images}) > 1
    measured = _diversity(images) and several_seeds
    return f"{copying}, {use}, {'enough diversity' if measured else 'diversity not measured'}"


def _differences(
    challenger: Evaluation, champion: Evaluation | None, policy: GatePolicy
) -> tuple[ScoreDifference, ...]:
    """Every score, the weighted one first, with the interval of its mean paired difference."""
    pairs = zip(challenger.images, (champion or challenger).images, strict=True)
    both = [(new, old) for new, old in pairs if new.scores and old.scores]
    if not both:
        return ()
    names = [name for name in both[0][0].scores if all(name in image.scores for pair in both for image in pair)]
    weights = np.asarray([getattr(policy.weights, name, 0.0) for name in names], float)
    if weights.sum() > 0:
        weights = weights / weights.sum()

    def table(images: Iterable[EvaluatedImage]) -> np.ndarray:
        """`(pairs, scores)`."""
        values = np.asarray([[image.scores[name] for name in names] for image in images], float)
        return np.column_stack([values @ weights, values])

    new = table(pair[0] for pair in both)
    columns = {"challenger": new.mean(axis=0)}
    if champion is not None:
        old = table(pair[1] for pair in both)
        low, high = confidence_interval(new - old, policy.confidence, [pair[0].prompt for pair in both])
        columns |= {"champion": old.mean(axis=0), "difference": (new - old).mean(axis=0), "low": low, "high": high}
    # One pair of images has an interval without ends.
    values = {
        what: [float(each) if np.isfinite(each) else None for each in column] for what, column in columns.items()
    }
    return tuple(
        ScoreDifference.model_validate({"name": name, **{what: column[place] for what, column in values.items()}})
        for place, name in enumerate((WEIGHTED, *names))
    )


def _compare(differences: tuple[ScoreDifference, ...], policy: GatePolicy) -> tuple[Verdict, str]:
    if not differences:
        return "undecided", "No image of both models can be compared."
    whole, *others = differences
    if whole.low is None or whole.high is None or whole.difference is None:
        return "undecided", "Only one image of both models can be compared, which is too few to tell."
    parts = [part for part in others if getattr(policy.weights, part.name, 0.0) > 0]
    if not parts:
        return "undecided", "No score was measured that has a weight."
    measured = f"{_signed(whole.difference)} (between {_signed(whole.low)} and {_signed(whole.high)})"
    if not (whole.low > 0 or whole.high < 0):
        return "undecided", f"Neither model is certainly better: the score differs by {measured}."
    if abs(whole.difference) < policy.margin:
        return "undecided", f"The difference is too small to count: {measured}, the margin is {policy.margin:g}."
    return _decide(parts, measured, policy, worse=whole.high < 0)


def _decide(
    parts: list[ScoreDifference], measured: str, policy: GatePolicy, *, worse: bool
) -> tuple[Verdict, str]:
    """The verdict on a difference that is sure: a great loss in one part stops a challenger that is better."""
    if worse:
        return "reject", f"Worse with {policy.confidence:.0%} certainty{_mostly(parts, worse=True)}."
    lost = [part for part in parts if (part.high or 0.0) < -policy.max_regression]
    if not lost:
        return "promote", f"Better with {policy.confidence:.0%} certainty{_mostly(parts)}."
    worst = min(lost, key=lambda part: part.difference or 0.0)
    change = _signed(worst.difference or 0.0)
    return "undecided", f"The challenger's score is better ({measured}), but {worst.name} is worse ({change})."


def _mostly(parts: list[ScoreDifference], *, worse: bool = False) -> str:
    """What has changed most, in words; the numbers are in the report's table."""
    sign = -1.0 if worse else 1.0
    most = max(parts, key=lambda part: sign * (part.difference or 0.0))
    changed = sign * (most.difference or 0.0) > 0
    return f": mostly {_IN_WORDS[most.name][worse]}" if changed else ""


def _signed(value: float) -> str:
    return f"{value:+.3f}" if round(value, 3) else "0.000"


def _rule(policy: GatePolicy) -> str:
    otherwise = {
        "review": "a review is required",
        "reject": "the champion stays",
        "promote": "the challenger is taken",
    }
    return (
        f"at most {policy.max_copies} copies and {policy.max_unusable} unusable images, diversity of at least "
        f"{policy.min_diversity:g}; then the score: the {policy.confidence:.0%} interval of its difference must "
        f"exclude zero, and the difference must be at least {policy.margin:g}; otherwise "
        f"{otherwise[policy.undecided]}"
    )
