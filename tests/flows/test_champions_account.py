"""A champion is rendered by its own account: whether that is there is seen before anything is paid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from blocks.segmind_credentials import SegmindCredentials
from tests.flows.bill import Bill
from tests.flows.runs import here
from tuneloop.emulator import EmulatorControl
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.credentials import SpendingGuard


def block(emulator: EmulatorControl, name: str, account: str) -> str:
    """Save a block of an account. Returns its slug."""
    spending = SpendingGuard(trainings_per_day=None)
    SegmindCredentials(api_key=emulator.api_key, base_url=emulator.url, account=account, spending=spending).save(
        name, overwrite=True
    )
    return f"segmind-credentials/{name}"


@pytest.fixture
def changed(wish: dict[str, Any], images: Path) -> dict[str, Any]:
    """What is wanted next: another training and another plan, so that the champion has to render too."""
    return {**wish, "evaluation": {**wish["evaluation"], "seeds": [9]}, "dataset": str(images)}


def test_champion_whose_block_was_renamed_is_rendered_by_the_runs_own_block(
    wish: dict[str, Any],
    changed: dict[str, Any],
    emulator: EmulatorControl,
    bill: Bill,
    images: Path,
    ledger: Ledger,
) -> None:
    old = block(emulator, "rotated-old", "rotated")
    assert here({**wish, "credentials": old}).name == "Completed"
    SegmindCredentials.delete(old.rpartition("/")[2])
    (images / "0.txt").write_text("ROBOX waves at the sea")
    state = here({**changed, "credentials": block(emulator, "rotated-new", "rotated")})
    assert state.name == "Completed", state.message
    assert (len(bill.trainings), bill.images) == (2, 3)
    champion = ledger.champion(wish["model"])
    assert champion is not None
    assert champion.credentials == "segmind-credentials/rotated-new"


def test_champion_of_an_account_without_a_block_stops_the_run_before_it_pays(
    wish: dict[str, Any], changed: dict[str, Any], emulator: EmulatorControl, bill: Bill, images: Path
) -> None:
    assert here({**wish, "credentials": block(emulator, "gone", "gone")}).name == "Completed"
    SegmindCredentials.delete("gone")
    (images / "0.txt").write_text("ROBOX waves at the sea")
    bill.clear()
    state = here(changed)
    assert state.name == "Failed"
    assert "block segmind-credentials/gone not found" in (state.message or "")
    assert "tuneloop rollback" in (state.message or "")
    assert bill.orders == []


def test_champion_whose_key_is_refused_stops_the_run_before_it_pays(
    wish: dict[str, Any], changed: dict[str, Any], emulator: EmulatorControl, bill: Bill, images: Path
) -> None:
    assert here({**wish, "credentials": block(emulator, "revoked", "revoked")}).name == "Completed"
    SegmindCredentials(api_key="SG_ffffffffffffffff", base_url=emulator.url, account="revoked").save(
        "revoked", overwrite=True
    )
    (images / "0.txt").write_text("ROBOX waves at the sea")
    bill.clear()
    state = here(changed)
    assert state.name == "Failed"
    assert "the provider rejects its key" in (state.message or "")
    assert bill.orders == []


def test_champion_whose_images_are_all_there_needs_no_account(
    wish: dict[str, Any], emulator: EmulatorControl, bill: Bill, images: Path
) -> None:
    assert here({**wish, "credentials": block(emulator, "closed", "closed")}).name == "Completed"
    SegmindCredentials.delete("closed")
    (images / "0.txt").write_text("ROBOX waves at the sea")
    bill.clear()
    assert here(wish).name == "Completed"
    assert (len(bill.trainings), bill.images) == (1, 1)
