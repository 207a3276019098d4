"""What makes a run train again, and what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.flows.bill import Bill
from tests.flows.runs import RENDER, SUBMIT, here, run_of
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import Decision, RunRecord

pytestmark = pytest.mark.usefixtures("emulator")


def trained(wish: dict[str, Any], ledger: Ledger) -> RunRecord:
    """Run to the end, and tell what was worked on."""
    state = here(wish)
    assert state.name == "Completed", state.message
    return remembered(state, ledger)


def remembered(state: Any, ledger: Ledger) -> RunRecord:
    run = ledger.run(str(run_of(state)))
    assert run is not None
    return run


def decision(ledger: Ledger, run: RunRecord) -> Decision:
    (only,) = ledger.decisions(run)
    return only


def rename_all(images: Path) -> None:
    for path in sorted(images.iterdir()):
        path.rename(path.with_name(f"renamed-{path.name}"))


def test_second_run_on_the_same_images_ends_unchanged_and_orders_nothing(
    wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    first = trained(wish, ledger)
    assert (len(bill.trainings), bill.images) == (1, 1)
    bill.clear()
    state = here(wish)
    assert state.name == "Cached"
    assert "champion is v1" in (state.message or "")
    assert (bill.trainings, bill.images, bill.orders) == ([], 0, [])
    assert ledger.history(first.key)[-1].state == "collected"


def test_renamed_images_are_unchanged(wish: dict[str, Any], bill: Bill, images: Path, ledger: Ledger) -> None:
    trained(wish, ledger)
    bill.clear()
    rename_all(images)
    assert here(wish).name == "Cached"
    assert bill.orders == []


def test_another_machine_is_no_reason_to_train_again(wish: dict[str, Any], bill: Bill, ledger: Ledger) -> None:
    trained(wish, ledger)
    bill.clear()
    assert here({**wish, "recipe": {**wish["recipe"], "machine_type": "NVIDIA_H100"}}).name == "Cached"
    assert bill.orders == []


def test_changed_plan_renders_and_decides_again_without_a_training(
    wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    first = trained(wish, ledger)
    bill.clear()
    again = trained({**wish, "evaluation": {**wish["evaluation"], "seeds": [7, 8]}}, ledger)
    assert (bill.trainings, bill.images) == ([], 2)
    assert (again.key, again.attempt) == (first.key, 1)
    assert decision(ledger, again).plan_digest != decision(ledger, first).plan_digest
    assert here(wish).name == "Cached"


def test_changed_caption_trains_again_and_is_rendered_beside_the_champion(
    wish: dict[str, Any], bill: Bill, images: Path, ledger: Ledger
) -> None:
    old = trained(wish, ledger)
    (images / "0.txt").write_text("ROBOX waves at the sea")
    bill.clear()
    new = trained(wish, ledger)
    assert bill.trainings == [f"{new.key[:16]}-g1"]
    assert bill.images == 1
    page = str(decision(ledger, new).report)
    assert f"{old.key[:16]}-g1" in ledger.store.read(page).decode()
    report = ledger.store.read(page.replace(".html", ".md")).decode()
    assert f"champion v1 `{old.key[:16]}-g1`" in report
    assert f"challenger `{new.key[:16]}-g1`" in report
    assert "1 caption changed" in report
    champion = ledger.champion(new.model)
    assert champion is not None
    assert (champion.number, champion.key) == (2, new.key)


def test_a_reason_trains_unchanged_images_once_more(wish: dict[str, Any], bill: Bill, ledger: Ledger) -> None:
    first = trained(wish, ledger)
    bill.clear()
    again = trained({**wish, "force_reason": "the first one has six fingers"}, ledger)
    assert (again.key, again.attempt) == (first.key, 2)
    assert bill.trainings == [f"{first.key[:16]}-g2"]
    assert here(wish).name == "Cached"
    same_words = here({**wish, "force_reason": " the first one  has six fingers"})
    assert same_words.name == "Cached"
    assert "give another one to train and pay again" in (same_words.message or "")
    assert bill.orders == [SUBMIT, RENDER]
