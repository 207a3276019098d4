"""Two runs that wait for one training are woken at the same moment, and judge the same model."""

from __future__ import annotations

from typing import Any

from tests.flows.bill import Bill
from tests.flows.runs import start, tick, wait_for
from tests.flows.test_salvage import sleeping
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Progress
from tuneloop.ledger.ledger import Ledger

SEEDS = 8


def test_two_runs_on_one_training_pay_for_its_images_once(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    wish["evaluation"]["seeds"] = list(range(SEEDS))
    first, work = sleeping(wish, emulator, ledger)
    second = start(wish)
    wait_for(second, "Suspended")
    emulator.progress(Progress.at_once())
    tick(stack.store_slug)
    for run in (first, second):
        wait_for(run, "Completed")
    assert len(bill.trainings) == 1
    assert len(ledger.promotions(work.model)) == 1
    # The last image may be asked for by both.
    assert bill.images <= SEEDS + 1
