"""A trainer that is retired: another run of the deployment trains with the second recipe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Scheduled

from blocks.fal_credentials import FalCredentials
from tests.contract.conftest import RECIPES
from tests.flows.bill import Bill
from tests.flows.runs import SUBMIT, here, log_of, look, start, tick, wait_for
from tests.sensor.aging import age_refusal
from tests.waiting import wait_until
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator
from tuneloop.ledger.ledger import Ledger

FAL_LIST = "/v1/models/requests"


@pytest.fixture
def retired(tmp_path: Path, stack: Stack) -> Iterator[EmulatorControl]:
    """A provider that offers its first trainer no more, with a credentials block `fal-credentials/retired`."""
    del stack
    with running_emulator("fal", tmp_path / "fal", progress=Progress.at_once()) as control:
        control.switch(retired=["fal-ai/flux-lora-fast-training", "fal-ai/turbo-flux-trainer"])
        FalCredentials(api_key=control.api_key, base_url=control.url).save("retired", overwrite=True)
        yield control


@pytest.fixture
def careful(wish: dict[str, Any]) -> dict[str, Any]:
    """Parameters of a run at that provider, with the usual one as its fallback."""
    first = {"trainer": "fal-flux-lora", **RECIPES["fal-flux-lora"]}
    fallback = {"recipe": wish["recipe"]}
    return {**wish, "recipe": first, "credentials": "fal-credentials/retired", "fallback": fallback}


def runs_of(model: str) -> list[UUID]:
    """The runs of a model, the newest first."""
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=200)
    return [run.id for run in found if run.parameters.get("model") == model]


def test_second_trainer_is_paid_once_in_place_of_a_retired_one_and_the_report_says_why(
    careful: dict[str, Any], retired: EmulatorControl, bill: Bill, ledger: Ledger
) -> None:
    model = careful["model"]
    first = start(careful)
    told = wait_for(first, "Completed").message or ""
    assert "trains with flux-lora by segmind-credentials/default, because fal-flux-lora at fal.retired is" in told
    (second,) = set(runs_of(model)) - {first}
    assert str(second) in told
    assert told in log_of(first)
    assert "Promoted" in (wait_for(second, "Completed").message or "")

    # As if it had been killed once it had started the other one.
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(first, Scheduled(), force=True)
    wait_until("the first run has ended again", lambda: look(first).is_final(), seen=lambda: look(first))
    assert look(first).message == told
    # And in the next night.
    nightly = start(careful)
    again = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", wait_for(nightly, "Completed").message or "")
    assert again is not None
    assert wait_for(UUID(again[0]), "Cached")
    assert len(runs_of(model)) == 4

    assert (len(bill.trainings), Bill(retired).trainings, retired.billing()) == (1, [], [])
    champion = ledger.champion(model)
    assert champion is not None
    assert champion.account.provider == "segmind"
    why = "Trained by flux-lora at segmind.default, because fal-flux-lora at fal.retired is retired"
    assert why in ledger.store.read(f"models/{model}/reports/latest.html").decode()
    with get_client(sync_client=True) as client:
        key = ArtifactFilterKey(any_=[f"report-{model}"])
        (shown,) = client.read_artifacts(artifact_filter=ArtifactFilter(key=key))
    assert "is retired" in str(shown.data)


@pytest.mark.long  # it waits out a refusal in a real run
def test_refused_submit_is_waited_for_before_the_second_trainer_is_paid(
    stack: Stack, wish: dict[str, Any], emulator: EmulatorControl, bill: Bill, ledger: Ledger
) -> None:
    emulator.inject(Fault("refuse", SUBMIT, "POST", status=410))
    other = {"trainer": "qwen-lora", **RECIPES["qwen-lora"]}
    first = start({**wish, "fallback": {"recipe": other}})
    assert "before the fallback is used" in (wait_for(first, "Suspended").message or "")
    assert bill.trainings == []
    work = ledger.run(str(first))
    assert work is not None
    age_refusal(ledger, work)
    tick(stack.store_slug)
    assert "trains with qwen-lora" in (wait_for(first, "Completed").message or "")
    (second,) = set(runs_of(wish["model"])) - {first}
    wait_for(second, "Completed")
    assert len(bill.trainings) == 1
    assert not ledger.is_marked(work)


def test_second_trainer_needs_a_list_that_shows_no_job_and_has_no_second_one_itself(
    careful: dict[str, Any], retired: EmulatorControl
) -> None:
    model, turbo = careful["model"], {"trainer": "fal-turbo-flux-lora", **RECIPES["fal-turbo-flux-lora"]}
    careful = {**careful, "fallback": {"recipe": turbo, "credentials": "fal-credentials/retired"}}
    retired.inject(Fault("refuse", FAL_LIST, status=401, times=9))
    wait_for(start(careful), "Failed")
    assert len(runs_of(model)) == 1
    retired.clear_faults()
    wait_for(start(careful), "Completed")
    (second, *_) = runs_of(model)
    assert "takes no new trainings" in (wait_for(second, "Failed").message or "")
    assert len(runs_of(model)) == 3


def test_run_without_a_deployment_ends_with_the_error_of_its_trainer(
    careful: dict[str, Any], retired: EmulatorControl, bill: Bill
) -> None:
    told = here(careful)
    assert told.is_failed()
    assert "takes no new trainings" in (told.message or "")
    assert (retired.billing(), bill.orders) == ([], [])


def test_fallback_that_could_not_take_over_is_refused_while_the_first_trainer_is_there(
    wish: dict[str, Any], bill: Bill
) -> None:
    fal = {"trainer": "fal-flux-lora", **RECIPES["fal-flux-lora"]}
    for fallback, changed, said in (
        ({"recipe": wish["recipe"]}, {}, "it is the same training as the first one"),
        ({"recipe": fal, "credentials": "segmind-credentials/default"}, {}, "is an account of another provider"),
        ({"recipe": fal}, {"visibility": "private"}, "the fallback's fal does not offer that"),
    ):
        told = here({**wish, **changed, "fallback": fallback})
        assert (told.name, said in (told.message or "")) == ("Failed", True), told.message
    assert bill.paths == []
