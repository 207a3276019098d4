from __future__ import annotations

import pytest

from tuneloop.operations.plan import Action, RunPlan
from tuneloop.orchestration.run_plan import plan_markdown
from tuneloop.providers.bfl.recipes import BflProRender
from tuneloop.providers.segmind.recipes import FluxDevRender
from tuneloop.schemas.spending import SpendingLimits


def plan(action: Action, cents_per_image: float | None) -> RunPlan:
    return RunPlan(
        model="robot",
        action=action,
        summary="",
        reasons=(),
        job="j",
        key="k",
        images=20,
        difference=None,
        cents=0,
        price_basis=None,
        renders=12,
        cents_per_image=cents_per_image,
        budget="",
        credentials="segmind-credentials/default",
    )


@pytest.mark.parametrize(
    ("action", "cents", "words"),
    [
        ("train", 6.0, "12 images of each model, $0.72 at most; those that were rendered before cost nothing"),
        ("evaluate", 0.3, "12 images of each model, $0.04 at most; those that were rendered before cost nothing"),
        ("evaluate", None, "12 images of each model; those that were rendered before cost nothing"),
        ("nothing", 6.0, "nothing is rendered"),
    ],
)
def test_plan_says_what_judging_would_cost(action: Action, cents: float | None, words: str) -> None:
    assert words in plan(action, cents).evaluation


def test_one_line_says_which_setting_is_missing_and_none_where_nothing_is_paid() -> None:
    said = plan("train", None).model_copy(update={"cents": None})
    rows = [line for line in plan_markdown(said).splitlines() if "price" in line]
    wanted = "price unknown: to see the cost, set "
    settings = r"spending.dollars\_per\_training and spending.dollars\_per\_image in segmind-credentials/default"
    assert rows == [f"| prices | {wanted}{settings} |"]
    assert plan("train", 6.0).missing_prices is None
    assert plan("nothing", None).missing_prices is None


def test_own_price_of_a_image_goes_before_the_published_one() -> None:
    assert SpendingLimits().price_of_image(BflProRender()) == 6
    assert SpendingLimits(cents_per_image=0.5).price_of_image(BflProRender()) == 0.5
    assert SpendingLimits().price_of_image(FluxDevRender()) is None
