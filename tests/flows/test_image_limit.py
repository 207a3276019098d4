"""Images that would go over what an account allows: refused before the training is paid."""

from __future__ import annotations

from typing import Any

from blocks.segmind_credentials import SegmindCredentials
from tests.flows.bill import Bill
from tests.flows.runs import here, run_of
from tuneloop.emulator import EmulatorControl
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.credentials import SpendingGuard


def account(emulator: EmulatorControl, name: str, guard: SpendingGuard) -> dict[str, Any]:
    """Save a block of an account of its own, and name it in parameters."""
    block = SegmindCredentials(api_key=emulator.api_key, base_url=emulator.url, account=name, spending=guard)
    block.save(name, overwrite=True)
    return {"credentials": f"segmind-credentials/{name}"}


def test_images_that_do_not_fit_beside_their_training_are_told_before_it_is_paid(
    wish: dict[str, Any], emulator: EmulatorControl, bill: Bill, ledger: Ledger
) -> None:
    def allow(dollars: float) -> dict[str, Any]:
        guard = SpendingGuard(dollars_per_30_days=dollars, dollars_per_training=1, dollars_per_image=1)
        return {**wish, **account(emulator, "tight", guard)}

    state = here(allow(1))
    assert state.name == "Failed"
    assert "1 image of" in (state.message or "")
    assert "dollars_per_30_days" in (state.message or "")
    assert (bill.trainings, bill.images) == ([], 0)
    work = ledger.run(str(run_of(state)))
    assert work is not None
    assert not ledger.is_marked(work)
    assert here(allow(2)).name == "Completed"
    assert (len(bill.trainings), bill.images) == (1, 1)


def test_plan_beyond_the_cap_is_told_before_its_training_is_paid(
    wish: dict[str, Any], emulator: EmulatorControl, bill: Bill
) -> None:
    large = {**wish, "evaluation": {**wish["evaluation"], "seeds": list(range(4))}}
    capped = account(emulator, "capped", SpendingGuard(images_per_model=3))
    state = here({**large, **capped})
    assert state.name == "Failed"
    assert "4 images would be rendered" in (state.message or "")
    assert "raise images_per_model" in (state.message or "")
    assert bill.orders == []


def test_plan_that_grew_beyond_the_cap_renders_nothing_and_is_not_tried_by_the_hour(
    wish: dict[str, Any], emulator: EmulatorControl, bill: Bill, ledger: Ledger
) -> None:
    capped = {**wish, **account(emulator, "capped-later", SpendingGuard(images_per_model=3))}
    assert here(capped).name == "Completed"
    state = here({**capped, "evaluation": {**wish["evaluation"], "seeds": list(range(1, 6))}})
    assert state.name == "Failed"
    assert "raise images_per_model" in (state.message or "")
    assert (len(bill.trainings), bill.images) == (1, 1)
    work = ledger.run(str(run_of(state)))
    assert work is not None
    assert not ledger.is_marked(work)


def test_limit_in_money_without_a_price_of_images_is_refused_before_anything_is_sent(
    wish: dict[str, Any], emulator: EmulatorControl, bill: Bill
) -> None:
    guard = SpendingGuard(dollars_per_30_days=100, dollars_per_training=1)
    state = here({**wish, **account(emulator, "unpriced", guard)})
    assert state.name == "Failed"
    assert "set dollars_per_image" in (state.message or "")
    assert bill.orders == []
