from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.test_gate import model, with_finding
from tuneloop.evaluation.gate import apply_gate
from tuneloop.evaluation.ranking import Contender, rank
from tuneloop.schemas.evaluation import Evaluation, GatePolicy

LEVELS = st.lists(st.integers(-15, 15), min_size=2, max_size=5, unique=True)
"""How much better than usual each model is, in hundredths of a score."""


def model_at(level: float) -> Evaluation:
    return model(noise=0.01, low_noise=level / 100, exposure=level / 100)


@given(LEVELS, st.booleans())
@settings(max_examples=25, deadline=None)
def test_better_models_come_first_in_whatever_order_they_are_named(levels: list[int], has_champion: bool) -> None:
    # A champion is scored beside each of them, and what counts is the difference: the better ones lag behind it.
    contenders = [Contender(model_at(level / 3), model_at(level) if has_champion else None) for level in levels]
    ranked = rank(contenders, GatePolicy())
    assert [levels[one.index] for one in ranked] == sorted(levels, reverse=not has_champion)


@given(LEVELS, st.integers(0, 4), st.randoms())
@settings(max_examples=15, deadline=None)
def test_model_that_misses_a_threshold_is_last_however_good(
    levels: list[int], bad: int, chance: random.Random
) -> None:
    bad %= len(levels)
    evaluations = [model_at(level) for level in levels]
    evaluations[bad] = with_finding(model_at(20), chance.randrange(12), "blank")
    ranked = rank([Contender(each) for each in evaluations], GatePolicy())
    assert ranked[-1].index == bad
    assert [one.passes for one in ranked] == [True] * (len(levels) - 1) + [False]
    assert bad not in {one.rival for one in ranked}


@given(LEVELS)
@settings(max_examples=15, deadline=None)
def test_without_a_champion_each_is_compared_with_the_best_of_the_others(levels: list[int]) -> None:
    evaluations = [model_at(level) for level in levels]
    first, *others = rank([Contender(each) for each in evaluations], GatePolicy())
    assert first.rival == others[0].index
    assert {one.rival for one in others} == {first.index}
    second = others[0]
    assert first.whole is not None
    assert second.whole is not None
    assert first.whole.difference is not None
    assert second.whole.difference is not None
    assert abs(first.whole.difference + second.whole.difference) < 1e-9


def test_verdict_and_interval_are_those_of_the_gate() -> None:
    better, worse, champion = model_at(10), model_at(-10), model()
    first, last = rank([Contender(worse, champion), Contender(better, champion)], GatePolicy())
    assert (first.index, first.result) == (1, apply_gate(better, champion, GatePolicy()))
    assert (last.index, last.result.verdict) == (0, "reject")
    assert last.passes


def test_policy_that_takes_the_newer_one_where_nothing_is_sure_promotes_nothing_here() -> None:
    one, _ = rank([Contender(model(), model()), Contender(model(), model())], GatePolicy(undecided="promote"))
    assert one.result.verdict == "undecided"


def test_models_without_an_image_that_can_be_measured_are_ranked_behind_the_others() -> None:
    nothing = Evaluation(
        job="j", images=tuple(image.model_copy(update={"scores": {}}) for image in model().images)
    )
    first, last = rank([Contender(nothing), Contender(model())], GatePolicy())
    assert (first.index, last.index) == (1, 0)
    assert (first.rival, last.rival) == (None, None)
    assert last.whole is None
