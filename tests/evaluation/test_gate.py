from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneloop.evaluation.confidence import confidence_interval
from tuneloop.evaluation.gate import WEIGHTED, apply_gate
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation, GatePolicy, ScoreWeights

SCORES = {
    "sharpness": 0.8,
    "low_noise": 0.8,
    "exposure": 0.8,
    "color_similarity": 0.6,
    "edge_similarity": 0.9,
    "diversity": 0.2,
}


def model(count: int = 12, *, copied: float = 0.0, noise: float = 0.01, **better: float) -> Evaluation:
    """Images of a model whose scores differ from the usual ones by what is named, and a little by chance."""
    chance = np.random.default_rng(count)
    images = [
        EvaluatedImage(
            prompt=f"prompt {number // 4}",
            seed=number % 4,
            name=f"renders/j/{number}.jpg",
            scores={
                name: float(np.clip(value + better.get(name, 0.0) + chance.normal(0, noise), 0, 1))
                for name, value in SCORES.items()
            },
            nearest="a" * 64,
            copied=copied if number == 3 else 0.1,
        )
        for number in range(count)
    ]
    return Evaluation(job="j", images=tuple(images))


def with_finding(evaluation: Evaluation, at: int, finding: str) -> Evaluation:
    images = list(evaluation.images)
    images[at] = images[at].model_copy(update={"finding": finding, "scores": {}})
    return evaluation.model_copy(update={"images": tuple(images)})


def test_surely_better_challenger_is_promoted_and_the_reason_names_the_score() -> None:
    verdict = apply_gate(model(low_noise=0.15), model(), GatePolicy())
    assert verdict.verdict == "promote"
    assert verdict.reason == "Better with 95% certainty: mostly less grain."
    whole = verdict.differences[0]
    assert whole.name == WEIGHTED
    assert whole.low is not None
    assert whole.low > 0


def test_surely_worse_challenger_is_rejected() -> None:
    verdict = apply_gate(model(exposure=-0.2), model(), GatePolicy())
    assert verdict.verdict == "reject"
    assert verdict.reason == "Worse with 95% certainty: mostly weaker light and contrast."


def test_equal_models_are_undecided_and_the_policy_says_what_then() -> None:
    assert apply_gate(model(), model(), GatePolicy()).verdict == "undecided"
    assert apply_gate(model(), model(), GatePolicy(undecided="reject")).verdict == "reject"
    kept = apply_gate(model(), model(), GatePolicy(undecided="promote"))
    assert kept.verdict == "promote"
    assert "set to promote" in kept.reason


def test_difference_below_the_margin_is_undecided_however_sure() -> None:
    barely = apply_gate(model(noise=0.0, color_similarity=0.01), model(noise=0.0), GatePolicy())
    assert barely.verdict == "undecided"
    assert "too small to count" in barely.reason
    assert (
        apply_gate(model(noise=0.0, color_similarity=0.01), model(noise=0.0), GatePolicy(margin=0)).verdict
        == "promote"
    )


def test_gain_with_a_great_loss_in_one_score_is_left_to_a_person() -> None:
    verdict = apply_gate(model(low_noise=0.19, exposure=0.19, diversity=-0.12), model(), GatePolicy())
    assert verdict.verdict == "undecided"
    assert "diversity is worse" in verdict.reason


def test_score_of_weight_zero_is_shown_and_decides_nothing() -> None:
    weights = ScoreWeights(low_noise=0)
    verdict = apply_gate(model(low_noise=0.19), model(), GatePolicy(weights=weights))
    assert verdict.verdict == "undecided"
    assert "low_noise" in {item.name for item in verdict.differences}


@pytest.mark.parametrize("champion", [None, model(low_noise=-0.3)])
def test_copy_is_rejected_even_from_the_first_or_the_better_model(champion: Evaluation | None) -> None:
    verdict = apply_gate(model(copied=0.9), champion, GatePolicy())
    assert verdict.verdict == "reject"
    assert "1 of 12 images copy a training image" in verdict.reason
    assert "seed 3" in verdict.reason
    assert apply_gate(model(copied=0.9), None, GatePolicy(max_copies=1)).verdict == "promote"


def test_unusable_image_is_rejected_with_its_prompt_and_seed() -> None:
    verdict = apply_gate(with_finding(model(), 5, "blank: one flat tone"), None, GatePolicy())
    assert verdict.verdict == "reject"
    assert "blank: one flat tone" in verdict.reason
    assert "'prompt 1', seed 1" in verdict.reason
    assert apply_gate(with_finding(model(), 5, "blank"), None, GatePolicy(max_unusable=1)).verdict == "promote"


def test_first_model_must_be_diverse() -> None:
    assert apply_gate(model(diversity=-0.19), None, GatePolicy()).verdict == "reject"
    assert apply_gate(model(), None, GatePolicy()).verdict == "promote"


def test_reason_of_a_first_model_says_only_what_was_looked_at() -> None:
    assert "(no copies, 12 usable images, enough diversity)" in apply_gate(model(), None, GatePolicy()).reason
    policy = GatePolicy(max_copies=1, max_unusable=1)
    allowed = apply_gate(with_finding(model(copied=0.9), 5, "blank"), None, policy)
    assert "(1 of 12 are copies, as allowed, 11 of 12 images usable, enough diversity)" in allowed.reason
    edits = model(1).images[0].model_copy(update={"nearest": None})
    alone = apply_gate(Evaluation(job="j", images=(edits,)), None, GatePolicy())
    assert "(copies not checked, 1 usable image, diversity not measured)" in alone.reason


def test_interval_that_ends_at_nothing_is_said_without_a_sign() -> None:
    close = apply_gate(model(noise=0.0), model(noise=0.0), GatePolicy())
    assert "differs by 0.000 (between 0.000 and 0.000)" in close.reason


def test_verdict_says_whether_floors_or_scores_decided() -> None:
    assert apply_gate(model(), None, GatePolicy()).by_thresholds
    assert apply_gate(model(copied=0.9, low_noise=0.15), model(), GatePolicy()).by_thresholds
    assert not apply_gate(model(low_noise=0.15), model(), GatePolicy()).by_thresholds


def test_reason_stays_short_however_long_the_prompt_is() -> None:
    images = tuple(one.model_copy(update={"prompt": "x" * 10_000}) for one in model(copied=0.9).images)
    found = Evaluation(job="j", images=images)
    assert len(apply_gate(found, None, GatePolicy()).reason) < 300
    assert len(apply_gate(with_finding(found, 3, "blank"), None, GatePolicy(max_copies=1)).reason) < 300


def test_champion_judged_again_is_told_so() -> None:
    assert "champion itself" in apply_gate(model(), None, GatePolicy(), is_current_champion=True).reason


def test_images_that_one_model_lacks_are_left_out_of_both() -> None:
    champion = with_finding(model(), 0, "refused")
    verdict = apply_gate(model(), champion, GatePolicy(max_unusable=1))
    assert verdict.verdict == "undecided"
    assert verdict.differences[0].difference == pytest.approx(0, abs=1e-9)


def test_single_pair_decides_nothing() -> None:
    assert apply_gate(model(1, low_noise=0.2), model(1), GatePolicy()).verdict == "undecided"


def test_models_without_scores_are_left_to_a_person() -> None:
    bare = Evaluation(job="j", images=(EvaluatedImage(prompt="p", seed=1, name="x"),))
    assert apply_gate(bare, bare, GatePolicy()).verdict == "undecided"
    assert apply_gate(bare, None, GatePolicy()).verdict == "promote"


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30), st.floats(0.5, 0.99))
def test_interval_holds_the_mean_and_is_the_same_every_time(values: list[float], confidence: float) -> None:
    column = np.asarray(values)[:, None]
    low, high = confidence_interval(column, confidence)
    assert low[0] - 1e-9 <= column.mean() <= high[0] + 1e-9
    assert confidence_interval(column, confidence)[0] == low
    wider_low, wider_high = confidence_interval(column, min(0.995, confidence + 0.005))
    assert wider_low[0] <= low[0] + 1e-9
    assert wider_high[0] >= high[0] - 1e-9


def test_great_loss_in_a_score_of_weight_zero_stops_nobody() -> None:
    better = model(low_noise=0.19, exposure=0.19, diversity=-0.12)
    verdict = apply_gate(better, model(), GatePolicy(weights=ScoreWeights(diversity=0)))
    assert verdict.verdict == "promote"
    worse = apply_gate(
        model(exposure=-0.2, low_noise=-0.4), model(), GatePolicy(weights=ScoreWeights(low_noise=0))
    )
    assert "mostly weaker light and contrast" in worse.reason


def test_first_model_is_praised_only_for_what_was_measured() -> None:
    assert "(no copies, 12 usable images, enough diversity)" in apply_gate(model(), None, GatePolicy()).reason
    bare = Evaluation(job="j", images=(EvaluatedImage(prompt="p", seed=1, name="x"),))
    why = apply_gate(bare, None, GatePolicy()).reason
    assert "copies not checked" in why
    assert "diversity not measured" in why


def test_copies_and_unusable_images_that_are_allowed_are_counted() -> None:
    flawed = with_finding(model(copied=0.9), 5, "blank")
    why = apply_gate(flawed, None, GatePolicy(max_copies=1, max_unusable=1)).reason
    assert "(1 of 12 are copies, as allowed, 11 of 12 images usable, enough diversity)" in why


def test_one_pair_of_many_is_called_one() -> None:
    champion = model()
    for at in range(11):
        champion = with_finding(champion, at, "refused")
    verdict = apply_gate(model(low_noise=0.2), champion, GatePolicy())
    assert verdict.verdict == "undecided"
    assert "Only one image of both models" in verdict.reason


def test_scores_without_a_weight_decide_nothing_and_the_reason_says_so() -> None:
    weights = ScoreWeights(**dict.fromkeys(ScoreWeights.model_fields, 0))
    verdict = apply_gate(model(low_noise=0.2), model(), GatePolicy(weights=weights))
    assert (verdict.verdict, "has a weight" in verdict.reason) == ("undecided", True)


def test_score_that_says_nothing_of_one_image_is_left_out_of_all() -> None:
    champion = model()
    first = champion.images[0]
    scores = {name: value for name, value in first.scores.items() if name != "diversity"}
    images = (first.model_copy(update={"scores": scores}), *champion.images[1:])
    verdict = apply_gate(model(), champion.model_copy(update={"images": images}), GatePolicy())
    assert "diversity" not in verdict.scores
    assert len(verdict.differences) == len(SCORES)


@pytest.mark.parametrize("plan", [(2, 2), (3, 4), (8, 3)])
def test_equal_models_that_differ_by_prompt_are_seldom_told_apart(plan: tuple[int, int]) -> None:
    chance = np.random.default_rng(plan)
    prompts = [str(prompt) for prompt in range(plan[0]) for _ in range(plan[1])]
    told_apart = 0
    for _ in range(400):
        # Of the variance, 0.3 belongs to the prompt.
        drawn = chance.normal(0, 0.3**0.5, (plan[0], 1)) + chance.normal(0, 0.7**0.5, plan)
        low, high = confidence_interval(drawn.reshape(-1, 1), 0.95, prompts)
        told_apart += not low[0] <= 0 <= high[0]
    # 6 % of 400, and three standard deviations of chance.
    assert told_apart <= 24 + 14


def test_one_outlier_tells_no_models_apart() -> None:
    column = np.asarray([[0.0]] * 11 + [[1.0]])
    low, high = confidence_interval(column, 0.95)
    assert low[0] < 0 < high[0]


@pytest.mark.parametrize("pairs", [2, 3, 4, 6, 12, 24])
def test_interval_misses_the_truth_no_more_often_than_it_says(pairs: int) -> None:
    chance = np.random.default_rng(pairs)
    missed = 0
    for _ in range(400):
        low, high = confidence_interval(chance.normal(0, 1, (pairs, 1)), 0.95)
        missed += not low[0] <= 0 <= high[0]
    # 5 % of 400, and three standard deviations of chance.
    assert missed <= 20 + 13
