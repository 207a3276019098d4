"""Whether the sensor of a store looks at all: its schedule, its last look, and the workers that start runs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType, WorkerStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from tuneloop.orchestration.recovery import CONTINUING
from tuneloop.orchestration.suspend import SENSOR_FLOW

_INTERVALS = 3
"""So many looks in a row may be missed."""
_LOOKED = [StateType.COMPLETED, StateType.FAILED, StateType.RUNNING]


def sensor_problems(client: SyncPrefectClient, store: str, at: datetime) -> list[str]:
    """Say why nobody, or nobody any more, looks at the trainings of a store; nothing where all is well."""
    flows = FlowFilter(name=FlowFilterName(any_=[SENSOR_FLOW]))
    covering = [
        item
        for item in client.read_deployments(flow_filter=flows)
        if store in (item.parameters or {}).get("stores", [])
    ]
    if not covering:
        return [f"no deployment of {SENSOR_FLOW} names {store}, so suspended runs sleep on: run `tuneloop deploy`"]
    active = [item for item in covering if not item.paused and any(s.active for s in item.schedules)]
    if not active:
        name = f"{SENSOR_FLOW}/{covering[0].name}"
        return [f"the schedule of {name} is paused, so suspended runs sleep on: switch it on in the Prefect UI"]
    found = _late(client, active, at)
    found += pool_problems(client, {item.work_pool_name for item in active if item.work_pool_name})
    try:
        client.read_deployment_by_name(CONTINUING)
    except ObjectNotFound:
        found.append(f"there is no deployment {CONTINUING} to continue runs that are gone: run `tuneloop deploy`")
    return found


def pool_problems(client: SyncPrefectClient, pools: Iterable[str]) -> list[str]:
    """Say which work pools start no runs."""
    found = []
    for name in sorted(pools):
        try:
            paused = client.read_work_pool(name).is_paused
            workers = client.read_workers_for_work_pool(name)
        except ObjectNotFound:
            found.append(f"there is no work pool {name}, so no run of it starts: run `tuneloop deploy`")
            continue
        if paused:
            found.append(f"work pool {name} is paused, so no run of it starts: switch it on in the Prefect UI")
        if not any(worker.status == WorkerStatus.ONLINE for worker in workers):
            found.append(
                f"no worker is online on pool {name}, so no run of it starts: `prefect worker start --pool {name}`"
            )
    return found


def _late(client: SyncPrefectClient, sensors: list[DeploymentResponse], at: datetime) -> list[str]:
    """Say that the last look was too long ago, by the rhythm in which looks are scheduled."""
    which = DeploymentFilter(id=DeploymentFilterId(any_=[item.id for item in sensors]))
    coming = client.read_flow_runs(
        deployment_filter=which,
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
            expected_start_time=FlowRunFilterExpectedStartTime(after_=at),
        ),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        limit=2,
    )
    times = [run.expected_start_time for run in coming if run.expected_start_time]
    if len(times) <= 1:
        return [f"no run of {SENSOR_FLOW}/{sensors[0].name} is scheduled: are the Prefect server's services up?"]
    last = client.read_flow_runs(
        deployment_filter=which,
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_LOOKED))),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=1,
    )
    since = last[0].expected_start_time if last else max(filter(None, (item.created for item in sensors)))
    if since is None or at - since <= _INTERVALS * max(times[1] - times[0], timedelta(minutes=1)):
        return []
    minutes = (at - since).total_seconds() / 60
    seen = (
        f"looked last {minutes:.0f} minutes ago"
        if last
        else f"has not looked since it was made {minutes:.0f} min ago"
    )
    return [f"{SENSOR_FLOW}/{sensors[0].name} {seen}, and is due more often: is its worker up?"]
