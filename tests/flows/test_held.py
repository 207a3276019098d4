"""Trainings that a person must let through, asked and answered in Prefect."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State

from blocks.segmind_credentials import SegmindCredentials
from blocks.spending_guard import SpendingGuard
from deployments.demo.stack import Stack
from tests.flows.bill import Bill
from tests.flows.runs import here, look, run_of, start, tick, wait_for
from tuneloop.emulator import EmulatorControl
from tuneloop.ledger import Ledger
from tuneloop.values.records import AnyTrainingRecord

NOTHING_LEFT = "segmind-credentials/nothing-left"


@pytest.fixture
def wish(wish: dict[str, Any], emulator: EmulatorControl) -> dict[str, Any]:
    """Parameters of a run on an account that may spend nothing today."""
    SegmindCredentials(
        api_key=emulator.api_key,
        base_url=emulator.url,
        account="nothing-left",
        spending=SpendingGuard(trainings_per_day=0),
    ).save("nothing-left", overwrite=True)
    return {**wish, "credentials": NOTHING_LEFT}


def answer(run: UUID, decision: str, reason: str) -> None:
    """Fill in the form on the run's page."""
    with get_client(sync_client=True) as client:
        response = client.resume_flow_run(run, run_input={"decision": decision, "reason": reason})
        assert response.status.value == "ACCEPT", response


def history(ledger: Ledger, run: UUID) -> list[AnyTrainingRecord]:
    work = ledger.run(str(run))
    assert work is not None
    return ledger.history(work.key)


def question_of(run: UUID) -> tuple[State[Any], dict[str, Any]]:
    """What a suspended run asks: its state and its form."""
    state = look(run)
    keys = state.state_details.run_input_keyset
    assert keys is not None
    with get_client(sync_client=True) as client:
        return state, json.loads(client.read_flow_run_input(run, keys["schema"]))


def test_run_over_the_limit_asks_in_the_ui_and_is_left_asleep_by_the_sensor(
    stack: Stack, wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    run = start(wish)
    wait_for(run, "Suspended")
    state, form = question_of(run)
    assert "0 of 0 trainings of segmind.nothing-left are used today" in (state.message or "")
    assert form["properties"]["decision"]["enum"] == ["approve: submit it", "reject: give it up"]
    assert [record.state for record in history(ledger, run)] == ["claimed", "held"]
    tick(stack.store_slug)
    assert look(run).name == "Suspended"
    assert bill.trainings == []


def test_approved_training_is_submitted_once_and_keeps_the_reason(
    wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    run = start(wish)
    wait_for(run, "Suspended")
    answer(run, "approve: submit it", "the exhibition opens on Monday")
    wait_for(run, "Completed")
    assert len(bill.trainings) == 1
    approved = history(ledger, run)[2]
    assert approved.state == "claimed"
    assert approved.approval == "the exhibition opens on Monday"


def test_rejected_training_is_given_up_unpaid_and_the_next_run_asks_again(
    wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    run = start(wish)
    wait_for(run, "Suspended")
    answer(run, "reject: give it up", "wrong pictures")
    wait_for(run, "Failed")
    assert "rejected by a person: wrong pictures" in (look(run).message or "")
    assert history(ledger, run)[-1].state == "abandoned"
    again = start(wish)
    wait_for(again, "Suspended")
    assert history(ledger, again)[-1].generation == 2
    assert bill.trainings == []


def test_second_run_on_a_held_training_waits_for_the_answer_of_the_first_and_pays_nothing(
    stack: Stack, wish: dict[str, Any], bill: Bill
) -> None:
    first = start(wish)
    wait_for(first, "Suspended")
    second = start({**wish, "model": f"{wish['model'][:40]}-b"})
    assert f"in run {first}" in (wait_for(second, "Suspended").message or "")
    answer(first, "approve: submit it", "agreed")
    wait_for(first, "Completed")
    tick(stack.store_slug)
    wait_for(second, "Completed")
    assert len(bill.trainings) == 1


def test_run_that_cannot_ask_says_what_to_do(wish: dict[str, Any], bill: Bill) -> None:
    state = here(wish)
    assert state.is_failed()
    assert "raise the limit in the credentials block" in (state.message or "")
    assert bill.trainings == []
    assert run_of(state)
