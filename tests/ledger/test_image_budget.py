from __future__ import annotations

from threading import Barrier, Thread

import pytest

from tests.ledger.test_budget import claimed, other_key
from tuneloop.clock import now
from tuneloop.errors import BudgetExceeded, ConfigurationError
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.credentials import SpendingGuard
from tuneloop.providers.bfl.recipes import BflProRender
from tuneloop.providers.segmind.recipes import FluxDevRender
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import Rejected, RunRecord
from tuneloop.schemas.spending import Purpose, SpendingLimits


def test_images_count_into_the_money_and_not_into_the_trainings_of_the_day(ledger: Ledger, run: RunRecord) -> None:
    budget = Budget(ledger, run.account, SpendingLimits(trainings_per_day=1, cents_per_window=500))
    budget.reserve_images(Purpose.of(run), 12, BflProRender())
    spending = budget.spending(now().date())
    assert (spending.cents, spending.trainings_today) == (72, 0)
    claim = claimed(ledger, run)
    assert budget.reserve(run, 400, claim, claim).number == 2
    other = other_key(run, 7)
    claim = claimed(ledger, other)
    with pytest.raises(BudgetExceeded, match="1 of 1 trainings"):
        budget.reserve(other, 20, claim, claim)


def test_slot_of_its_images_is_not_taken_for_the_slot_of_a_training(ledger: Ledger, run: RunRecord) -> None:
    budget = Budget(ledger, run.account, SpendingLimits())
    budget.reserve_images(Purpose.of(run), 1, BflProRender())
    claim = claimed(ledger, run)
    assert budget.reserve(run, 400, claim, claim).kind == "training"
    assert budget.spending(now().date()).cents == 406


def test_images_over_the_limit_are_refused_before_any_is_rendered(ledger: Ledger, run: RunRecord) -> None:
    budget = Budget(ledger, run.account, SpendingLimits(cents_per_window=100))
    budget.reserve_images(Purpose.of(run), 10, BflProRender())
    with pytest.raises(BudgetExceeded, match=r"\$0.60 of \$1.00") as error:
        budget.reserve_images(Purpose.of(run), 10, BflProRender())
    assert "dollars_per_30_days" in str(error.value)
    assert budget.spending(now().date()).cents == 60


def test_price_of_the_block_comes_before_the_published_one(ledger: Ledger, run: RunRecord) -> None:
    Budget(ledger, run.account, SpendingLimits(cents_per_image=0.5)).reserve_images(
        Purpose.of(run), 3, BflProRender()
    )
    assert Budget(ledger, run.account, SpendingLimits()).spending(now().date()).cents == 2


def test_images_without_a_known_price_take_no_slot(ledger: Ledger, run: RunRecord) -> None:
    budget = Budget(ledger, run.account, SpendingLimits())
    assert not budget.reserve_images(Purpose.of(run), 3, FluxDevRender())
    assert budget.spending(now().date()).slots == 0


def test_limit_in_money_without_a_price_of_images_is_refused(ledger: Ledger, run: RunRecord) -> None:
    budget = Budget(ledger, run.account, SpendingLimits(cents_per_window=100))
    for refused in (
        lambda: budget.reserve_images(Purpose.of(run), 100_000, FluxDevRender()),
        lambda: budget.check_images("robot", [(1, FluxDevRender())]),
    ):
        with pytest.raises(ConfigurationError, match="set dollars_per_image in its credentials block"):
            refused()
    budget.check_images("robot", [(0, FluxDevRender())])


def test_images_over_the_cap_are_refused_before_any_is_rendered(ledger: Ledger, run: RunRecord) -> None:
    budget = Budget(ledger, run.account, SpendingLimits(images_per_model=100))
    budget.check_images("robot", [(60, FluxDevRender()), (40, FluxDevRender())])
    with pytest.raises(BudgetExceeded, match=r"101 images .* allows 100.* raise images_per_model"):
        budget.check_images("robot", [(60, FluxDevRender()), (41, FluxDevRender())])


def test_images_that_would_not_fit_beside_their_training_are_refused_before_it(
    ledger: Ledger, run: RunRecord
) -> None:
    budget = Budget(ledger, run.account, SpendingLimits(cents_per_window=500))
    budget.check_images("robot", [(12, BflProRender())], training_cents=428)
    with pytest.raises(BudgetExceeded, match=r"\$0.72, and \$0.00 of \$5.00"):
        budget.check_images("robot", [(12, BflProRender())], training_cents=429)
    # Over the limit by itself: the training is held, with a form.
    budget.check_images("robot", [(12, BflProRender())], training_cents=501)


def test_cap_is_a_hundred_images_unless_a_block_says_otherwise() -> None:
    assert SpendingGuard().limits.images_per_model == 100
    assert SpendingGuard(images_per_model=None).limits.images_per_model is None


@pytest.mark.parametrize("field", ["dollars_per_30_days", "dollars_per_training", "dollars_per_image"])
@pytest.mark.parametrize("amount", [float("inf"), float("nan"), -1])
def test_amount_that_is_none_is_refused_by_the_block(field: str, amount: float) -> None:
    with pytest.raises(ValueError, match=field):
        SpendingGuard.model_validate({field: amount})


def test_plan_of_more_than_a_thousand_images_is_refused() -> None:
    EvaluationConfig(prompts=("a", "b"), seeds=tuple(range(500)))
    with pytest.raises(ValueError, match="2 prompts with 501 seeds each are 1,002 images"):
        EvaluationConfig(prompts=("a", "b"), seeds=tuple(range(501)))


def test_images_are_shown_with_the_model_and_not_as_a_training(ledger: Ledger, run: RunRecord) -> None:
    budget = Budget(ledger, run.account, SpendingLimits())
    budget.reserve_images(Purpose.of(run), 5, BflProRender())
    (slot,) = budget.spending(now().date()).live
    assert (slot.model, slot.kind, slot.cents) == (run.model, "images", 30)


def test_racing_reservations_never_go_over_the_limit(ledger: Ledger, run: RunRecord) -> None:
    start, refused = Barrier(12), []

    def race() -> None:
        budget = Budget(ledger, run.account, SpendingLimits(cents_per_window=36))
        start.wait()
        try:
            budget.reserve_images(Purpose.of(run), 1, BflProRender())
        except BudgetExceeded as error:
            refused.append(error)

    threads = [Thread(target=race) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 6
    assert Budget(ledger, run.account, SpendingLimits()).spending(now().date()).cents == 36


def test_place_of_a_training_that_was_not_paid_is_free_for_images(ledger: Ledger, run: RunRecord) -> None:
    budget = Budget(ledger, run.account, SpendingLimits(cents_per_window=400))
    claim = claimed(ledger, run)
    budget.reserve(run, 400, claim, claim)
    rejected = Rejected(created_at=now(), attempt=1, name=claim.name, reason="no")
    with pytest.raises(BudgetExceeded):
        budget.reserve_images(Purpose.of(run), 10, BflProRender())
    ledger.append(run.key, claim, rejected)
    budget.reserve_images(Purpose.of(run), 10, BflProRender())
    assert budget.spending(now().date()).cents == 60
