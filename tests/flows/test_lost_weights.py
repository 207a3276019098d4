"""A champion whose weights are not in the store any more: a night with nothing to do finds out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.flows.bill import Bill
from tests.flows.runs import LOOK, here
from tuneloop.emulator import EmulatorControl, Fault
from tuneloop.ledger.ledger import Ledger


@pytest.fixture
def weights(wish: dict[str, Any], bill: Bill, ledger: Ledger) -> Path:
    """The file of a champion's weights."""
    assert here(wish).name == "Completed"
    bill.clear()
    champion = ledger.champion(wish["model"])
    assert champion is not None
    file = Path(ledger.store.uri_of(str(champion.weights)).removeprefix("file://"))
    file.chmod(0o600)
    return file


def test_weights_that_were_deleted_are_fetched_again_and_nothing_is_paid(
    wish: dict[str, Any], bill: Bill, weights: Path
) -> None:
    whole = weights.read_bytes()
    weights.unlink()
    state = here(wish)
    assert state.name == "Cached"
    assert "Its weights were gone from the store, and were fetched again" in (state.message or "")
    assert weights.read_bytes() == whole
    assert bill.orders == []
    assert "weights" not in (here(wish).message or "")


def test_weights_that_the_provider_has_no_more_either_end_the_run_with_a_sentence(
    wish: dict[str, Any], bill: Bill, weights: Path, emulator: EmulatorControl
) -> None:
    weights.unlink()
    emulator.inject(Fault("refuse", LOOK, "GET", status=404, times=100))
    state = here(wish)
    assert state.name == "Failed"
    assert "are gone, and they could not be fetched again" in (state.message or "")
    assert "tuneloop rollback" in (state.message or "")
    assert bill.orders == []


def test_weights_that_were_cut_are_told_and_left_alone(wish: dict[str, Any], bill: Bill, weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:-1])
    state = here(wish)
    assert state.name == "Failed"
    assert "were collected" in (state.message or "")
    assert "move it away" in (state.message or "")
    assert bill.orders == []
