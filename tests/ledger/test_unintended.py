"""A label or a default that has changed is no reason to pay for everything once more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tuneloop.clock import now
from tuneloop.errors import ConfigurationError
from tuneloop.ledger.accounts import remember_origin
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.unintended import check_intended, note_training
from tuneloop.providers.bfl.recipes import BflFinetuneRecipe
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import Claimed, Decision, Rejected, RunRecord
from tuneloop.schemas.training import Account, TrainingIdentity, job_name
from tuneloop.storage.local import LocalDirectory

HOME = "https://api.us1.bfl.ai"
SET = {"mode": "character", "trigger_word": "ROBOX"}


def run_of(recipe: dict[str, Any], **changes: Any) -> RunRecord:
    account = Account(provider="bfl", label=changes.pop("label", "default-us1"))
    digest = changes.pop("dataset", "ab" * 32)
    identity = TrainingIdentity(
        dataset_digest=digest, recipe=BflFinetuneRecipe(**recipe).canonical(), account=account
    )
    return RunRecord(
        created_at=now(), flow_run="2" * 36, model="robot", key=changes.pop("key", identity.key), attempt=1,
        dataset_digest=digest, recipe=BflFinetuneRecipe(**recipe).model_dump(mode="json"), plan=EvaluationConfig(),
        account=account, credentials="bfl-credentials/default", store="local-file-system/x", **changes,
    )  # fmt: skip


def claim(ledger: Ledger, run: RunRecord) -> None:
    at, name = now(), job_name(run.key, 1)
    record = Claimed(
        created_at=at, attempt=1, name=name, nonce="n", flow_run=run.flow_run,
        submit_deadline=at, take_over_after=at,
        account=run.account, credentials=run.credentials, dataset_digest=run.dataset_digest, recipe=run.recipe,
    )  # fmt: skip
    note_training(ledger, run)
    ledger.append(run.key, None, record)


def judged(ledger: Ledger, run: RunRecord) -> None:
    """Leave a training as it is when it was judged, be it promoted or not."""
    claim(ledger, run)
    decision = Decision(
        created_at=now(), verdict="reject", model=run.model, key=run.key, attempt=1,
        plan_digest=run.plan.digest,
        against=1, scores={}, report=None, decided_by="the gate", reason="worse",
    )  # fmt: skip
    ledger.write_decision(run, 1, decision)


def refusal(ledger: Ledger, recipe: dict[str, Any], base_url: str = HOME, **changes: Any) -> str:
    """Why a run would not train, empty where it would."""
    try:
        check_intended(ledger, run_of(recipe, **changes), BflFinetuneRecipe(**recipe), base_url)
    except ConfigurationError as error:
        return str(error)
    return ""


def test_default_that_an_upgrade_has_changed_pays_for_nothing(ledger: Ledger) -> None:
    judged(ledger, run_of({**SET, "iterations": 200, "lora_rank": 16}))  # what the defaults were then
    said = refusal(ledger, SET)
    assert "robot was trained on these images before" in said
    assert "recipe.iterations was 200 and is 300 by default" in said
    assert "recipe.lora_rank was 16 and is 32 by default" in said
    assert "reason in force_reason" in said


def test_default_that_is_gone_pays_for_nothing(ledger: Ledger) -> None:
    judged(ledger, run_of({**SET, "learning_rate": 0.001}))
    assert "recipe.learning_rate was 0.001 and is not set by default" in refusal(ledger, SET)


def test_key_that_is_made_in_another_way_pays_for_nothing(ledger: Ledger) -> None:
    judged(ledger, run_of(SET, key="cd" * 32))
    assert "identifies the same training in another way" in refusal(ledger, SET)


@pytest.mark.parametrize("in_flight", [False, True])
def test_label_alone_pays_for_nothing(ledger: Ledger, *, in_flight: bool) -> None:
    before = run_of(SET, label="old-us1")
    if in_flight:
        claim(ledger, before)
        ledger.mark(ledger.save_run(before))
    else:
        judged(ledger, before)
    said = refusal(ledger, SET)
    assert "the account label was old-us1 and is default-us1" in said
    assert "put the old one into the field account" in said


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [
        ({**SET, "iterations": 300}, {}),
        ({**SET, "mode": "style"}, {}),
        (SET, {"dataset": "cd" * 32}),
        (SET, {"retrain_reason": "once more"}),
    ],
)
def test_what_a_person_has_changed_or_asked_for_is_trained(
    recipe: dict[str, Any], changes: dict[str, Any], ledger: Ledger
) -> None:
    judged(ledger, run_of({**SET, "iterations": 200}))
    assert refusal(ledger, recipe, **changes) == ""


def test_label_of_another_place_is_another_account_and_is_trained(ledger: Ledger) -> None:
    before = run_of(SET, label="old-us1")
    judged(ledger, before)
    remember_origin(ledger, before.account, "http://127.0.0.1:8787")
    assert refusal(ledger, SET) == ""


def test_training_that_has_records_goes_on_whatever_was_before(ledger: Ledger) -> None:
    judged(ledger, run_of(SET, label="old-us1"))
    judged(ledger, run_of(SET))
    assert refusal(ledger, SET) == ""


def test_other_models_and_bad_ends_hold_nobody(ledger: Ledger) -> None:
    judged(ledger, run_of(SET, label="old-us1").model_copy(update={"model": "other"}))
    refused = run_of(SET, label="older-us1")
    claim(ledger, refused)
    end = Rejected(created_at=now(), attempt=1, name=job_name(refused.key, 1), reason="no credits")
    ledger.append(refused.key, ledger.last(refused.key), end)
    note_training(ledger, run_of(SET, label="never-begun"))
    assert refusal(ledger, SET) == ""


def test_a_training_is_looked_for_among_those_on_the_same_dataset_only(ledger: Ledger) -> None:
    class Counting(LocalDirectory):
        """Notes what is read."""

        def read(self, name: str) -> bytes:
            seen.append(name)
            return super().read(name)

    seen: list[str] = []
    for number in range(20):
        judged(ledger, run_of(SET, dataset=f"{number:064x}"))
    counting = Counting(Path(ledger.store.uri.removeprefix("file://")))
    assert refusal(Ledger(counting), SET) == ""
    assert seen == []
