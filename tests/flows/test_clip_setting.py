"""A CLIP model that cannot be used is told before anything is paid: before a training, and before images."""

from __future__ import annotations

from typing import Any

import pytest

from flows.adopt_model import adopt_model
from tests.flows.bill import Bill
from tests.flows.runs import here
from tests.flows.test_bad_input import RECORDS, records
from tests.flows.test_commands import submit_elsewhere
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import open_provider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe

NOWHERE = "/no/such/model"
SAID = f"TUNELOOP_CLIP_MODEL={NOWHERE}: there is no such folder here"


@pytest.mark.parametrize("read_only", [False, True])
def test_neither_a_run_nor_a_dry_run_begins_and_nothing_is_recorded(
    wish: dict[str, Any], bill: Bill, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, *, read_only: bool
) -> None:
    monkeypatch.setenv("TUNELOOP_CLIP_MODEL", NOWHERE)
    before = records(ledger, *RECORDS)
    state = here({**wish, "dry_run": read_only})
    assert state.name == "Failed"
    assert SAID in (state.message or "")
    assert bill.orders == []
    assert records(ledger, *RECORDS) == before


def test_empty_setting_is_no_setting(wish: dict[str, Any], bill: Bill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELOOP_CLIP_MODEL", "")
    assert here({**wish, "dry_run": True}).name == "Completed"
    assert bill.orders == []


def test_images_are_not_paid_where_they_could_not_be_scored(
    stack: Stack,
    emulator: EmulatorControl,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
    bill: Bill,
    wish: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job_id = submit_elsewhere(open_provider(stack.credentials_slug), recipe, archive, "made-for-clip")
    emulator.clear_faults()
    asked = {
        "model": wish["model"],
        "job_id": job_id,
        "trigger_word": "ROBOX",
        "evaluation": wish["evaluation"],
    }
    monkeypatch.setenv("TUNELOOP_CLIP_MODEL", NOWHERE)
    refused = adopt_model(**asked, return_state=True)
    assert refused.name == "Failed"
    assert SAID in (refused.message or "")
    assert bill.images == 0
    monkeypatch.delenv("TUNELOOP_CLIP_MODEL")
    assert adopt_model(**asked, return_state=True).name == "Completed"
    assert bill.images == 1
