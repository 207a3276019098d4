"""Comparisons whose prices, champions, trainers and accounts change while they go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from blocks.bfl_credentials import BflCredentials
from blocks.fal_credentials import FalCredentials
from blocks.segmind_credentials import SegmindCredentials
from flows.compare_trainers import compare_trainers
from flows.continue_training import continue_training
from tests.contract.conftest import RECIPES
from tests.flows.bill import Bill
from tests.flows.runs import LOOK, here, run_of, tags_of
from tests.flows.test_comparison import BFL_LIST
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.credentials import SpendingGuard

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("alone")]  # whole comparisons

FAL_TRAINER = "fal-ai/flux-lora-fast-training"


@pytest.fixture
def fal(tmp_path: Path, stack: Stack) -> Iterator[EmulatorControl]:
    """A third provider, with a credentials block `fal-credentials/elsewhere`."""
    del stack
    with running_emulator("fal", tmp_path / "fal", progress=Progress.at_once()) as control:
        FalCredentials(api_key=control.api_key, base_url=control.url).save("elsewhere", overwrite=True)
        yield control


@pytest.fixture
def with_fal(comparison: dict[str, Any], fal: EmulatorControl) -> dict[str, Any]:
    """The comparison of the usual trainer with one of fal."""
    del fal
    recipe = {"trainer": "fal-flux-lora", **RECIPES["fal-flux-lora"]}
    other = {"recipe": recipe, "credentials": "fal-credentials/elsewhere"}
    return {**comparison, "recipes": [comparison["recipes"][0], other]}


def compared(comparison: dict[str, Any]) -> State[Any]:
    """Compare in this process, without a deployment."""
    state: State[Any] = compare_trainers(**comparison, return_state=True)
    return state


def continued(run: State[Any], stack: Stack) -> State[Any]:
    """Continue a comparison as the sensor would have it done."""
    state: State[Any] = continue_training(str(run_of(run)), stack.store_slug, return_state=True)
    return state


def page_of(ledger: Ledger, comparison: dict[str, Any]) -> str:
    return ledger.store.read(f"pages/comparisons/{comparison['name']}/latest.html").decode()


def at_prices(block: SegmindCredentials | BflCredentials, name: str, **dollars: float) -> None:
    block.spending = SpendingGuard(trainings_per_day=None, **dollars)
    block.save(name, overwrite=True)


def test_price_that_has_risen_since_is_not_paid_beyond_the_budget_and_what_is_trained_is_kept(
    stack: Stack, comparison: dict[str, Any], ledger: Ledger, bill: Bill, bfl: EmulatorControl
) -> None:
    paid_elsewhere = Bill(bfl)
    # The second trainer's account does not answer: the first one is trained and rendered by then.
    bfl.inject(Fault("refuse", BFL_LIST, status=401, times=9))
    first = compared({**comparison, "budget": 8.22})
    assert first.name == "Failed"
    bfl.clear_faults()
    account = BflCredentials(api_key=bfl.api_key, base_url=bfl.url, spending=SpendingGuard(trainings_per_day=0))
    account.save("elsewhere", overwrite=True)
    assert "on hold" in (continued(first, stack).message or "")
    at_prices(
        BflCredentials(api_key=bfl.api_key, base_url=bfl.url),
        "elsewhere",
        dollars_per_training=4.01,
        dollars_per_image=0.06,
    )
    state = continued(first, stack)
    assert state.name == "Completed", state.message
    assert (len(bill.trainings), bill.images, paid_elsewhere.orders) == (1, 2, [])
    assert "its budget is $8.22, of which $4.10 is spent" in page_of(ledger, comparison)
    record = ledger.comparison(str(run_of(first)))
    assert record is not None
    assert not any(ledger.is_marked(run) for run in record.runs), "nobody continues it"


def test_images_of_a_new_champion_are_not_paid_beyond_the_budget(
    stack: Stack,
    comparison: dict[str, Any],
    ledger: Ledger,
    bill: Bill,
    bfl: EmulatorControl,
    wish: dict[str, Any],
) -> None:
    paid_elsewhere = Bill(bfl)
    first = compared({**comparison, "budget": 8.22})
    assert (first.name, tags_of(run_of(first))) == ("Completed", {"needs-review"})
    other = {**comparison["recipes"][0]["recipe"], "trainer": "qwen-lora"}
    assert here({**wish, "recipe": other, "credentials": "segmind-credentials/priced"}).name == "Completed"
    images = bill.images + paid_elsewhere.images
    state = continued(first, stack)
    assert (state.name, bill.images + paid_elsewhere.images - images) == ("Failed", 0)
    assert "champion v1 $0.05), but its budget is $8.22, of which $8.22 is spent" in (state.message or "")
    record = ledger.comparison(str(run_of(first)))
    assert record is not None
    assert not any(ledger.is_marked(run) for run in record.runs)


def test_trainer_that_is_retired_is_found_before_the_other_one_is_paid(
    with_fal: dict[str, Any], bill: Bill, fal: EmulatorControl
) -> None:
    fal.switch(retired=[FAL_TRAINER])
    state = compared(with_fal)
    assert state.name == "Failed"
    assert "takes no new trainings" in (state.message or "")
    assert (bill.trainings, fal.billing()) == ([], [])


def test_trainer_that_is_retired_meanwhile_is_listed_and_the_others_are_ranked(
    stack: Stack, with_fal: dict[str, Any], ledger: Ledger, bill: Bill, fal: EmulatorControl
) -> None:
    fal.inject(Fault("refuse", "/storage/upload", status=401, times=9))
    first = compared(with_fal)
    assert first.name == "Failed"
    record = ledger.comparison(str(run_of(first)))
    assert record is not None
    assert ledger.is_marked(record.runs[1]), "it would be continued, though nothing of it is begun"
    fal.clear_faults()
    fal.switch(retired=[FAL_TRAINER])
    state = continued(first, stack)
    assert state.name == "Completed", state.message
    assert (len(bill.trainings), fal.billing()) == (1, [])
    page = page_of(ledger, with_fal)
    assert "takes no new trainings" in page
    assert ledger.decisions(record.runs[0])[-1].verdict == "undecided"


def test_weights_are_collected_although_another_candidates_account_is_gone(
    stack: Stack, comparison: dict[str, Any], ledger: Ledger, bill: Bill, emulator: EmulatorControl
) -> None:
    emulator.progress(Progress.after_polls(2))
    emulator.inject(Fault("refuse", LOOK, status=401, times=50))
    first = compared(comparison)
    assert first.name == "Failed"
    record = ledger.comparison(str(run_of(first)))
    assert record is not None
    assert [ledger.history(run.key)[-1].state for run in record.runs] == ["submitted", "collected"]
    emulator.clear_faults()
    BflCredentials.delete("elsewhere")
    priced = SegmindCredentials(api_key=emulator.api_key, base_url=emulator.url)
    at_prices(priced, "priced", dollars_per_training=4, dollars_per_image=30)
    state = continued(first, stack)
    assert state.name == "Failed"
    assert "bfl-credentials/elsewhere" in (state.message or "")
    assert ledger.history(record.runs[0].key)[-1].state == "collected"
    # By now its images do not fit into the budget any more.
    assert (len(bill.trainings), bill.images) == (1, 0)


def test_comparison_that_a_person_has_cancelled_pays_for_nothing_more(
    stack: Stack, comparison: dict[str, Any], ledger: Ledger, bill: Bill, bfl: EmulatorControl
) -> None:
    bfl.inject(Fault("refuse", BFL_LIST, status=401, times=9))
    first = compared(comparison)
    bfl.clear_faults()
    paid_elsewhere, images = Bill(bfl), bill.images
    state = continue_training(str(run_of(first)), stack.store_slug, cancelled=True, return_state=True)
    assert state.name == "Completed", state.message
    record = ledger.comparison(str(run_of(first)))
    assert record is not None
    assert [ledger.history(run.key)[-1].state for run in record.runs] == ["collected", "abandoned"]
    assert (len(bill.trainings), bill.images, paid_elsewhere.orders) == (1, images, [])


def test_comparison_whose_question_was_taken_over_by_a_later_one_says_so(
    stack: Stack, comparison: dict[str, Any], bill: Bill
) -> None:
    first, second = compared(comparison), compared(comparison)
    assert len(bill.trainings) == 1
    state = continued(first, stack)
    assert f"run {run_of(second)} asks about" in (state.message or "")
