"""A model that was judged long ago and that its provider has no more, when the plan changes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.flows.bill import Bill
from tests.flows.runs import here, run_of
from tuneloop.emulator import EmulatorControl
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.stages import evaluation as judging_story


def test_model_that_cannot_be_judged_by_a_new_plan_fails_with_a_sentence_and_waits_for_nothing(
    bfl: EmulatorControl, images: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan: dict[str, Any] = {"prompts": ["a photo of {trigger}"], "seeds": [1], "gate": {"max_copies": 1}}
    wish = {
        "model": "deleted-at-bfl",
        "dataset": str(images),
        "recipe": {"trainer": "bfl-finetune", "mode": "character", "trigger_word": "ROBOX"},
        "evaluation": plan,
        "credentials": "bfl-credentials/elsewhere",
    }
    assert here(wish).name == "Completed"
    champion = ledger.champion("deleted-at-bfl")
    assert champion is not None
    gone: dict[str, Any] = {"json": {"finetune_id": champion.job_id}, "headers": {"x-key": bfl.api_key}}
    assert requests.post(f"{bfl.url}/v1/delete_finetune", **gone, timeout=30).ok
    monkeypatch.setattr(judging_story, "DEPLOYED_AFTER", timedelta(0))
    bill = Bill(bfl)
    state = here({**wish, "evaluation": {**plan, "seeds": [2]}})
    assert state.name == "Failed"
    assert "bfl does not render it" in (state.message or "")
    assert "start a run with a reason in force_reason" in (state.message or "")
    work = ledger.run(str(run_of(state)))
    assert work is not None
    assert not ledger.is_marked(work)
    assert (bill.trainings, bill.images, ledger.champion("deleted-at-bfl")) == ([], 0, champion)
