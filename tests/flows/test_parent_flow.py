"""Retraining called from a user's own flow: Prefect suspends no such run, so it waits in its process."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.flows import flow as prefect_flow

from tests.conftest import draw_images
from tests.flows.bill import Bill
from tests.flows.parent_flow import retrain_two
from tests.flows.runs import log_of, request_for, start, wait_for
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Progress
from tuneloop.orchestration.deploy import WORK_POOL

PARENT = "retrain-two/parent"
_NUMBERS = itertools.count(150)
ENVIRONMENT = {"TUNELOOP_POLL_INTERVAL_S": "0.5"}


@pytest.fixture
def wishes(tmp_path: Path, emulator: EmulatorControl) -> dict[str, Any]:
    """Two models, whose trainings are seen running before they end."""
    emulator.progress(Progress.after_polls(2))
    return {
        name: request_for(f"{name}-of-{number}", draw_images(tmp_path / name, shade=number))
        for name, number in (("first", next(_NUMBERS)), ("second", next(_NUMBERS)))
    }


@pytest.mark.long
def test_deployed_parent_flow_pays_each_of_its_retrainings_once_and_completes(
    stack: Stack, wishes: dict[str, Any], bill: Bill, pytestconfig: pytest.Config
) -> None:
    del stack
    deployed: Any = prefect_flow.from_source(
        source=pytestconfig.rootpath, entrypoint="tests/flows/parent_flow.py:retrain_two"
    )
    deployed.deploy(name="parent", work_pool_name=WORK_POOL, print_next_steps=False, ignore_warnings=True)
    run = start(wishes, PARENT, ENVIRONMENT)
    wait_for(run, "Completed")
    for child in children_of(run):
        assert "Prefect does not suspend a run that another flow has called" in log_of(child)
    assert len(set(bill.trainings)) == len(bill.trainings) == 2


@pytest.mark.usefixtures("stack")
def test_parent_flow_without_a_deployment_pays_each_of_its_retrainings_once_and_completes(
    wishes: dict[str, Any], bill: Bill
) -> None:
    assert retrain_two(**wishes) == "Completed, Completed"
    assert len(set(bill.trainings)) == len(bill.trainings) == 2


def children_of(run: UUID) -> list[UUID]:
    of_parent = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run]))
    with get_client(sync_client=True) as client:
        found = [child.id for child in client.read_flow_runs(flow_run_filter=of_parent)]
    assert len(found) == 2
    return found
