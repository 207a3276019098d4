"""Pictures that would go over an account's limit."""

from __future__ import annotations

from typing import Any

from blocks.segmind_credentials import SegmindCredentials
from blocks.spending_guard import SpendingGuard
from tests.flows.bill import Bill
from tests.flows.runs import here, run_of
from tuneloop.emulator import EmulatorControl
from tuneloop.ledger import Ledger


def test_pictures_over_the_limit_are_not_rendered_and_the_next_run_goes_on_from_there(
    wish: dict[str, Any], emulator: EmulatorControl, bill: Bill, ledger: Ledger
) -> None:
    def allow(dollars: float) -> None:
        guard = SpendingGuard(dollars_per_30_days=dollars, dollars_per_training=1, dollars_per_picture=1)
        block = SegmindCredentials(
            api_key=emulator.api_key, base_url=emulator.url, account="tight", spending=guard
        )
        block.save("tight", overwrite=True)

    allow(1)
    tight = {**wish, "credentials": "segmind-credentials/tight"}
    state = here(tight)
    assert state.name == "Failed"
    assert "1 picture to judge" in (state.message or "")
    assert "dollars_per_30_days" in (state.message or "")
    assert (len(bill.trainings), bill.pictures) == (1, 0)
    work = ledger.run(str(run_of(state)))
    assert work is not None
    assert not ledger.is_marked(work)
    allow(2)
    assert here(tight).name == "Completed"
    assert (len(bill.trainings), bill.pictures) == (1, 1)
