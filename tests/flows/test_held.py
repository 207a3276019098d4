"""Trainings that a person must let through, asked and answered in Prefect."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import State
from prefect.logging import disable_run_logger

from blocks.segmind_credentials import SegmindCredentials
from tests.flows.bill import Bill
from tests.flows.runs import SUBMIT, here, look, run_of, start, tags_of, tick, wait_for
from tests.sensor.aging import age_refusal
from tests.waiting import wait_until
from tuneloop.clock import now
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.ledger.collection import LOST_AFTER, hold_if_lost, note_failed_try
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration.credentials import SpendingGuard
from tuneloop.orchestration.events import LABELS
from tuneloop.orchestration.recovery import resume_runs
from tuneloop.orchestration.suspend import has_form
from tuneloop.schemas.records import Abandoned, AnyTrainingRecord, Submitted, Trained
from tuneloop.sensor.transitions import PendingRun

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
    wait_until("the form is there", lambda: form_of(run) is not None)
    with get_client(sync_client=True) as client:
        response = client.resume_flow_run(run, run_input={"decision": decision, "reason": reason})
        assert response.status.value == "ACCEPT", response


def history(ledger: Ledger, run: UUID) -> list[AnyTrainingRecord]:
    work = ledger.run(str(run))
    assert work is not None
    return ledger.history(work.key)


def question_of(run: UUID) -> tuple[State[Any], dict[str, Any]]:
    """What a suspended run asks: its state and its form."""
    wait_until("the form is there", lambda: form_of(run) is not None)
    form = form_of(run)
    assert form is not None
    return look(run), form


def form_of(run: UUID) -> dict[str, Any] | None:
    """The schema of the form that a suspended run waits for; None where it is not there."""
    keys = look(run).state_details.run_input_keyset
    with get_client(sync_client=True) as client:
        if keys is None or not has_form(client, run, keys):
            return None
        form: dict[str, Any] = json.loads(client.read_flow_run_input(run, keys["schema"]))
        return form


def test_run_over_the_limit_asks_in_the_ui_and_is_left_asleep_by_the_sensor(
    stack: Stack, wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    run = start(wish)
    wait_for(run, "Suspended")
    state, form = question_of(run)
    assert "0 of 0 trainings of segmind.nothing-left are used today" in (state.message or "")
    assert form["properties"]["decision"]["enum"] == ["approve: submit it", "reject: abandon it"]
    assert [record.state for record in history(ledger, run)] == ["claimed", "held"]
    tick(stack.store_slug)
    assert look(run).name == "Suspended"
    assert "on-hold" in tags_of(run)
    assert bill.trainings == []


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(["schema"], id="in part", marks=pytest.mark.long),
        pytest.param(["schema", "description"], id="whole"),
    ],
)
def test_run_whose_form_was_lost_gets_it_back_with_the_next_tick(
    lost: list[str], stack: Stack, wish: dict[str, Any], bill: Bill
) -> None:
    run = start(wish)
    wait_for(run, "Suspended")
    state, form = question_of(run)
    keys = state.state_details.run_input_keyset
    assert keys is not None
    with get_client(sync_client=True) as client:
        for part in lost:
            client.delete_flow_run_input(run, keys[part])
    tick(stack.store_slug)
    wait_until("the form is back", lambda: look(run).name == "Suspended" and form_of(run) == form)
    answer(run, "approve: submit it", "asked twice, and answered once")
    wait_for(run, "Completed")
    assert len(bill.trainings) == 1


def test_run_whose_link_is_about_to_end_asks_anew(stack: Stack, wish: dict[str, Any], ledger: Ledger) -> None:
    run = start(wish)
    wait_for(run, "Suspended")
    state, form = question_of(run)
    keys = state.state_details.run_input_keyset
    assert keys is not None
    with get_client(sync_client=True) as client:

        def question() -> list[str]:
            return [part.value for part in client.filter_flow_run_input(run, keys["description"], 1, set())]

        asked = question()
        assert "An attempt at segmind.nothing-left has no known price." in asked[0]
        client.delete_flow_run_input(run, keys["description"])
        client.create_flow_run_input(run, keys["description"], json.dumps("with a link that ended last week"))
        state.message = "Report: https://store.example.org/a.html?X-Amz-Expires=604800&X-Amz-Signature=0a"
        client.set_flow_run_state(run, state, force=True)
        work = ledger.run(str(run))
        assert work is not None
        pending = [PendingRun(work, records=2, awaits_review=True)]
        with disable_run_logger():
            for days, resumed in ((5, 0), (6.5, 1)):
                at = now() + timedelta(days=days)
                assert resume_runs(client, ledger, stack.store_slug, pending, at).resumed == resumed
        wait_until("the question is back", lambda: question() == asked)
    wait_for(run, "Suspended")
    assert question_of(run)[1] == form


def test_approved_training_is_submitted_once_and_keeps_the_reason(
    wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    run = start(wish)
    wait_for(run, "Suspended")
    answer(run, "approve: submit it", "the exhibition opens on Monday")
    wait_for(run, "Completed")
    assert tags_of(run) & LABELS == {"promoted"}
    assert len(bill.trainings) == 1
    approved = history(ledger, run)[2]
    assert approved.state == "claimed"
    assert approved.approval == "the exhibition opens on Monday"


def test_rejected_training_is_given_up_unpaid_and_the_next_run_asks_again(
    wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    run = start(wish)
    wait_for(run, "Suspended")
    answer(run, "reject: abandon it", "wrong images")
    wait_for(run, "Failed")
    assert "rejected by a person: wrong images" in (look(run).message or "")
    assert history(ledger, run)[-1].state == "abandoned"
    again = start(wish)
    wait_for(again, "Suspended")
    assert history(ledger, again)[-1].attempt == 2
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


def test_retry_of_a_refused_run_says_that_a_new_run_tries_again(
    wish: dict[str, Any], emulator: EmulatorControl, bill: Bill, ledger: Ledger
) -> None:
    wish["credentials"] = "segmind-credentials/default"
    emulator.inject(Fault("refuse", SUBMIT, "POST", status=429))
    refused = here(wish)
    assert refused.is_failed()
    message = refused.message or ""
    assert "too many requests" in message
    assert "Start a new run to try again: Retry repeats this one" in message
    assert bill.trainings == []
    work = ledger.run(str(run_of(refused)))
    assert work is not None
    age_refusal(ledger, work)
    assert here(wish).name == "Completed"
    assert history(ledger, run_of(refused))[-1].attempt == 2
    assert len(bill.trainings) == 1


def test_run_after_a_refusal_sleeps_until_a_job_would_be_shown_and_then_is_woken(
    wish: dict[str, Any], emulator: EmulatorControl, bill: Bill, stack: Stack, ledger: Ledger
) -> None:
    wish["credentials"] = "segmind-credentials/default"
    emulator.inject(Fault("refuse", SUBMIT, "POST", status=429))
    refused = ledger.run(str(run_of(here(wish))))
    assert refused is not None
    run = start(wish)
    message = wait_for(run, "Suspended").message or ""
    assert f"the submit of {refused.key[:16]}-g1 was rejected" in message
    tick(stack.store_slug)
    assert look(run).name == "Suspended"
    assert bill.trainings == []
    age_refusal(ledger, refused)
    tick(stack.store_slug)
    wait_for(run, "Completed")
    assert len(bill.trainings) == 1


def lost_weights(wish: dict[str, Any], emulator: EmulatorControl, ledger: Ledger) -> UUID:
    """A run that was suspended for days while its weights could not be fetched, and asks now."""
    wish["credentials"] = "segmind-credentials/default"
    emulator.progress(Progress.after_seconds(3600))
    run = start(wish)
    wait_for(run, "Suspended")
    work = ledger.run(str(run))
    assert work is not None
    emulator.progress(Progress.at_once())
    last = ledger.history(work.key)[-1]
    assert isinstance(last, Submitted)
    days_ago = now() - LOST_AFTER
    trained = Trained(
        created_at=days_ago, attempt=1, name=last.name, job_id=last.job_id, provider_status="AVAILABLE"
    )
    ledger.append(work.key, last, trained)
    training = TrainingLog(ledger, work.key, 1)
    for _ in range(3):
        note_failed_try(ledger, trained)
    assert hold_if_lost(training, "there is no *such* file") is not None
    with get_client(sync_client=True) as client:
        client.resume_flow_run(run)
    wait_until("it asks", lambda: look(run).state_details.run_input_keyset is not None)
    return run


def test_lost_weights_are_asked_about_and_fetched_when_a_person_says_try_again(
    wish: dict[str, Any], emulator: EmulatorControl, bill: Bill, ledger: Ledger
) -> None:
    run = lost_weights(wish, emulator, ledger)
    dry_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_of(here({**wish, "dry_run": True}))]))
    with get_client(sync_client=True) as client:
        [plan] = client.read_artifacts(artifact_filter=dry_run)
    assert r"there is no \*such\* file" in (plan.description or ""), "Prefect shows it as markdown"
    _, form = question_of(run)
    assert form["properties"]["decision"]["enum"] == [
        "try again: search once more",
        "reject: abandon it",
        "train again: the next run pays for a new attempt",
    ]
    answer(run, "try again: search once more", "their storage is mended")
    wait_for(run, "Completed")
    assert [record.state for record in history(ledger, run)][-4:] == ["trained", "held", "trained", "collected"]
    assert len(bill.trainings) == 1


def test_lost_weights_are_trained_again_by_the_next_run_when_a_person_says_so(
    wish: dict[str, Any], emulator: EmulatorControl, bill: Bill, ledger: Ledger
) -> None:
    run = lost_weights(wish, emulator, ledger)
    answer(run, "train again: the next run pays for a new attempt", "they are gone")
    wait_for(run, "Failed")
    assert "Start a new run" in (look(run).message or "")
    last = history(ledger, run)[-1]
    assert isinstance(last, Abandoned)
    assert (last.paid, last.again) == (True, True)
    assert here(wish).name == "Completed"
    assert history(ledger, run)[-1].attempt == 2
    assert len(bill.trainings) == 2
