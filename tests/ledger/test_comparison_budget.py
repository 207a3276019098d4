from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneloop.errors import BudgetExceeded, ConfigurationError
from tuneloop.operations.comparison import ComparedCost, check_budget
from tuneloop.orchestration.comparison_request import Candidate, ComparisonRequest
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.evaluation import GatePolicy

KNOWN = st.builds(
    ComparedCost,
    what=st.just("a trainer"),
    credentials=st.just("some-credentials/default"),
    training_cents=st.integers(0, 5000),
    images=st.integers(0, 100),
    cents_per_image=st.integers(0, 40).map(lambda quarters: quarters / 4),
)
UNKNOWN = {"training_cents": None, "cents_per_image": None}


def exact(cost: ComparedCost) -> int:
    return (cost.training_cents or 0) + math.ceil(cost.images * Fraction(cost.cents_per_image or 0))


@given(st.lists(KNOWN, min_size=1, max_size=5), st.integers(-1000, 1000))
def test_comparison_runs_exactly_if_the_sum_of_all_costs_is_within_its_budget(
    costs: list[ComparedCost], spare: int
) -> None:
    total = sum(map(exact, costs))
    budget = max(0, total + spare)
    if total <= budget:
        assert check_budget(costs, budget) == total
    else:
        with pytest.raises(BudgetExceeded, match="Nothing was paid"):
            check_budget(costs, budget)


@given(st.lists(KNOWN, min_size=1, max_size=4), st.sampled_from(sorted(UNKNOWN)), st.data())
def test_price_that_is_not_known_is_an_error_that_names_the_setting_whatever_the_budget(
    costs: list[ComparedCost], field: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(costs) - 1))
    update = {field: None, "images": 1, "credentials": "some-credentials/other"}
    costs[place] = costs[place].model_copy(update=update)
    setting = {"training_cents": "dollars_per_training", "cents_per_image": "dollars_per_image"}[field]
    with pytest.raises(ConfigurationError, match=rf"set spending\.{setting} in some-credentials/other"):
        check_budget(costs, 10**9)


def test_price_of_images_is_not_needed_where_all_are_there() -> None:
    cost = ComparedCost(what="a", credentials="c/d", training_cents=0, images=0, cents_per_image=None)
    assert check_budget([cost], 0) == 0


def request_of(recipe: FluxLoraRecipe, budget: float, *prompts: str) -> ComparisonRequest:
    candidates = [Candidate(recipe=recipe)]
    return ComparisonRequest("a", "robot", "images", candidates, budget, prompts, (1,), "1:1", GatePolicy())


@pytest.mark.parametrize("budget", [math.nan, math.inf, -math.inf, -0.01, 1e300])
def test_budget_that_is_no_amount_of_money_is_refused(budget: float, recipe: FluxLoraRecipe) -> None:
    with pytest.raises(ConfigurationError, match="is not a budget; give an amount in dollars"):
        _ = request_of(recipe, budget, "a robot").budget_cents
    assert request_of(recipe, 0, "a robot").budget_cents == 0


def test_prompts_that_are_no_plan_are_refused_by_their_name(recipe: FluxLoraRecipe) -> None:
    for prompts in ((), ("a robot", "a robot")):
        request = request_of(recipe, 5, *prompts)
        with pytest.raises(ConfigurationError, match=r"^prompts: "):
            request.run_request(request.candidates[0])
