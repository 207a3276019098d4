"""Runs as an operator starts and sees them: through the API and a worker, or in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, Log, State, StateType
from prefect.states import Scheduled

from flows.retrain_model import retrain_model
from flows.watch_trainings import watch_trainings
from tests.forge.modules import pid_file
from tests.waiting import wait_until
from tuneloop.demo.stack import Stack
from tuneloop.orchestration.deploy import WORK_POOL

RETRAIN = "retrain-model/sample-robot"
SENSOR = "watch-trainings/sensor"
LOOK = "/finetune/request/details"
SUBMIT = "/finetune/request/submit"
RENDER = "/v1/flux-dev-finetuned"

_PAGE = 200


def request_for(model: str, images: Path) -> dict[str, Any]:
    """Parameters of a run that renders one image, of which no gate can be sure: the newer model wins."""
    return {
        "model": model,
        "dataset": str(images),
        "recipe": {"trainer": "flux-lora", "instance_prompt": "a photo of ROBOX", "trigger_word": "ROBOX"},
        "evaluation": {
            "prompts": ["a photo of {trigger}"],
            "seeds": [1],
            "gate": {"undecided": "promote", "max_copies": 1},
        },
    }


def start(wish: dict[str, Any], deployment: str = RETRAIN, environment: dict[str, str] | None = None) -> UUID:
    """Start a run of a deployment as the UI would; the worker takes it."""
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(deployment)
        variables = {"env": environment} if environment else None
        run = client.create_flow_run_from_deployment(
            found.id,
            parameters={**found.parameters, **wish},
            state=Scheduled(),
            job_variables=variables,
            # Prefect's client sends a request again that has timed out: one run all the same.
            idempotency_key=uuid4().hex,
        )
    return run.id


def look(run: UUID) -> State[Any]:
    """The state of a run."""
    with get_client(sync_client=True) as client:
        return _state(client, run)


def _state(client: SyncPrefectClient, run: UUID) -> State[Any]:
    state = client.read_flow_run(run).state
    assert state is not None
    return state


def wait_for(run: UUID, name: str) -> State[Any]:
    """Wait until a run is in a state, by its name. Fails at once where the run has ended in another one."""
    with get_client(sync_client=True) as client:

        def reached() -> State[Any] | None:
            state = _state(client, run)
            if state.name == name:
                return state
            assert not state.is_final(), f"{state.name} instead of {name}: {state.message}"
            return None

        found = wait_until(f"run {run} is {name}", reached, seen=lambda: _state(client, run))
    assert found is not None
    return found


def nudge_sensor() -> State[Any]:
    """Start a run of the sensor's deployment, and wait for its end."""
    run = start({}, SENSOR)
    wait_until("the sensor has looked", lambda: look(run).is_final())
    return look(run)


@contextmanager
def sensor_paused() -> Iterator[None]:
    """Let no tick look meanwhile; without this there is one every minute."""
    with get_client(sync_client=True) as client:
        sensor = client.read_deployment_by_name(SENSOR)
        client.pause_deployment(sensor.id)
        try:
            wait_until("no tick is under way", lambda: not _under_way(client, sensor.id))
            yield
        finally:
            client.resume_deployment(sensor.id)


@contextmanager
def no_worker() -> Iterator[None]:
    """Let the worker take nothing."""
    with get_client(sync_client=True) as client:
        client.update_work_pool(WORK_POOL, WorkPoolUpdate(is_paused=True))
        try:
            yield
        finally:
            client.update_work_pool(WORK_POOL, WorkPoolUpdate(is_paused=False))


def _under_way(client: SyncPrefectClient, deployment: UUID) -> list[FlowRun]:
    begun = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING])
    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=begun)),
    )


def tick(*stores: str) -> State[Any]:
    """Let the sensor look once, in this process."""
    state: State[Any] = watch_trainings(stores=list(stores), return_state=True)
    return state


def here(wish: dict[str, Any]) -> State[Any]:
    """Run the flow in this process, without a deployment."""
    state: State[Any] = retrain_model(**wish, return_state=True)
    return state


def run_of(state: State[Any]) -> UUID:
    """The run that a state belongs to."""
    run = state.state_details.flow_run_id
    assert run is not None
    return run


def tags_of(run: UUID) -> set[str]:
    """The tags of a run, as the list of runs shows them."""
    with get_client(sync_client=True) as client:
        return set(client.read_flow_run(run).tags)


def process_of(stack: Stack, run: UUID) -> psutil.Process:
    """The process in which a run goes on."""
    return psutil.Process(int(pid_file(stack.folder / "prefect", str(run)).read_text()))


def log_of(run: UUID) -> str:
    """The whole log of a run that has ended, as its page shows it."""
    wait_until("the log has its last line", lambda: any(_is_last(line) for line in _log(run)))
    return "\n".join(line.message for line in _log(run))


def _is_last(line: Log) -> bool:
    return line.name == "prefect.flow_runs" and line.message.startswith("Finished in state")


def _log(run: UUID) -> list[Log]:
    of_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run]))
    lines: list[Log] = []
    with get_client(sync_client=True) as client:
        while page := client.read_logs(of_run, offset=len(lines), limit=_PAGE):
            lines += page
    return lines
