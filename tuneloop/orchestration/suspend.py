"""How a run waits: suspended where a sensor will wake it, else in its own process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn
from uuid import uuid4

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.responses import DeploymentResponse, SetStateStatus
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import Pause
from prefect.input.run_input import Keyset
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run
from prefect.states import Suspended

from tuneloop.settings import Settings

SENSOR_FLOW = "watch-trainings"


@dataclass(frozen=True)
class SensorCoverage:
    """What is known about the sensor of one store.

    Attributes:
        next_look: When it looks next, None where no look is scheduled yet.
        missing: Why no sensor covers the store, None where one does.
    """

    next_look: datetime | None = None
    missing: str | None = None


def wait_for(what: str, store_slug: str) -> None:
    """Wait until it is worth looking again.

    Suspends the run, which ends this process: when it is woken, the flow starts from the top. Where nothing
    would wake it, sleeps for one interval and returns.

    Args:
        what: What the run waits for, with the provider's job id.
        store_slug: The store whose sensor would wake it.
    """
    logger = get_run_logger()
    with get_client(sync_client=True) as client:
        sensor = _sensor(client, store_slug)
        if sensor.missing is None:
            suspend(client, f"{what}. {_next_look(sensor)}")
    interval = Settings().poll_interval_s
    logger.info("%s. Looking again in %.0f s, in this process: %s", what, interval, sensor.missing)
    time.sleep(interval)


def _next_look(sensor: SensorCoverage) -> str:
    if sensor.next_look is None:
        return f"{SENSOR_FLOW} looks at its next scheduled run"
    return f"{SENSOR_FLOW} looks next at {sensor.next_look:%Y-%m-%d %H:%M:%S} UTC"


def cannot_suspend() -> str | None:
    """Say why Prefect cannot suspend this run, None where it can."""
    if flow_run.parent_flow_run_id is not None:
        return "Prefect does not suspend a run that another flow has called"
    if deployment.id is None:
        return "this run has no deployment that could start it again"
    return None


def suspend(
    client: SyncPrefectClient,
    message: str,
    form: Keyset | None = None,
    once_suspended: Callable[[], None] | None = None,
) -> NoReturn:
    """Suspend this run with a sentence that its page shows, and leave the process.

    `suspend_flow_run` takes no message, and its default key lets a run that has been resumed once sleep no
    second time.

    Args:
        client: The server.
        message: What the run waits for.
        form: Where a saved form is that a person fills in to resume the run; None where nobody is asked.
        once_suspended: Called when the server has suspended the run, before this process ends.
    """
    state: State[None] = Suspended(message=message, pause_key=uuid4().hex)
    if form is not None:
        state.state_details.run_input_keyset = {str(key): value for key, value in form.items()}
    answer = client.set_flow_run_state(flow_run.id, state)
    if answer.status != SetStateStatus.ACCEPT:
        reason = getattr(answer.details, "reason", None) or answer.status.value
        raise RuntimeError(f"Prefect did not let the run suspend: {reason}; retry the run")
    if once_suspended is not None:
        once_suspended()
    get_run_logger().info("Suspended. %s", message)
    raise Pause(state=answer.state or state)


def _sensor(client: SyncPrefectClient, store_slug: str) -> SensorCoverage:
    """Find an active schedule of the sensor that covers a store."""
    if (reason := cannot_suspend()) is not None:
        return SensorCoverage(missing=reason)
    flows = FlowFilter(name=FlowFilterName(any_=[SENSOR_FLOW]))
    covering = [
        item
        for item in client.read_deployments(flow_filter=flows)
        if store_slug in (item.parameters or {}).get("stores", [])
    ]
    if not covering:
        return SensorCoverage(missing=f"no deployment of {SENSOR_FLOW} names the store {store_slug}")
    active = [item for item in covering if not item.paused and any(s.active for s in item.schedules)]
    if not active:
        return SensorCoverage(missing=f"the schedule of {SENSOR_FLOW} for {store_slug} is paused")
    return SensorCoverage(next_look=_next_scheduled(client, active))


def _next_scheduled(client: SyncPrefectClient, deployments: list[DeploymentResponse]) -> datetime | None:
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[item.id for item in deployments])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
        ),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        limit=1,
    )
    return runs[0].expected_start_time if runs else None
