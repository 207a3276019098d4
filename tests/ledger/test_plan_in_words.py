from __future__ import annotations

import pytest

from tuneloop.operations.plan import Action, RunPlan
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
    )


@pytest.mark.parametrize(
    ("action", "cents", "words"),
    [
        ("train", 6.0, "12 images of each model, $0.72 at most; those that were rendered before cost nothing"),
        ("evaluate", 0.3, "12 images of each model, $0.04 at most; those that were rendered before cost nothing"),
        ("evaluate", None, "price not known: the provider publishes none"),
        ("nothing", 6.0, "nothing is rendered"),
    ],
)
def test_plan_says_what_judging_would_cost(action: Action, cents: float | None, words: str) -> None:
    assert words in plan(action, cents).evaluation


def test_own_price_of_a_image_goes_before_the_published_one() -> None:
    assert SpendingLimits().price_of_image(BflProRender()) == 6
    assert SpendingLimits(cents_per_image=0.5).price_of_image(BflProRender()) == 0.5
    assert SpendingLimits().price_of_image(FluxDevRender()) is None
