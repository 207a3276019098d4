"""Keeps the sensor's own runs few: late ones leave, idle ones are deleted after a day."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run

from tuneloop.clock import now

IDLE = "Idle"
LATE = "Late"
"""A tick that left its work to a younger one, and has looked at nothing."""
_KEPT = timedelta(days=1)
_DELETED_AT_ONCE = 50
_WAITING_AT_MOST = 2
_READ_AT_ONCE = 50


def newer_tick(client: SyncPrefectClient) -> str | None:
    """Name a younger tick of the same deployment that does the work of this one, None where there is none.

    After a pause many ticks start at once. One that is younger and has started makes this one needless; one that
    only waits may be as late as this one, so only several of them count.
    """
    due = flow_run.scheduled_start_time
    if deployment.id is None or due is None:
        return None
    younger = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[UUID(str(deployment.id))])),
        flow_run_filter=FlowRunFilter(
            expected_start_time=FlowRunFilterExpectedStartTime(
                after_=due + timedelta(milliseconds=1), before_=now()
            )
        ),
        limit=_READ_AT_ONCE,
    )
    younger = [run for run in younger if _polls_all(run)]
    started = [run for run in younger if run.state and run.state.type != StateType.SCHEDULED]
    waiting = len(younger) - len(started)
    if started:
        return started[0].name
    return younger[0].name if waiting >= _WAITING_AT_MOST else None


def previous_tick(client: SyncPrefectClient) -> datetime | None:
    """When the tick before this one was due that has looked at everything, None where there was none."""
    due = flow_run.scheduled_start_time
    if deployment.id is None or due is None:
        return None
    before = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[UUID(str(deployment.id))])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(name=FlowRunFilterStateName(any_=[IDLE, "Completed", "Failed"])),
            expected_start_time=FlowRunFilterExpectedStartTime(before_=due - timedelta(milliseconds=1)),
        ),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=_READ_AT_ONCE,
    )
    return next((run.expected_start_time for run in before if _polls_all(run)), None)


def _polls_all(run: FlowRun) -> bool:
    """Return False for a tick that a webhook has asked for: it polls one account only."""
    return run.parameters.get("account") is None


def delete_idle_runs(client: SyncPrefectClient) -> int:
    """Delete some of this deployment's ticks that found nothing to do a day ago or longer.

    Returns:
        How many are gone.
    """
    if deployment.id is None:
        return 0
    old = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[UUID(str(deployment.id))])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(name=FlowRunFilterStateName(any_=[IDLE, LATE])),
            expected_start_time=FlowRunFilterExpectedStartTime(before_=now() - _KEPT),
        ),
        limit=_DELETED_AT_ONCE,
    )
    try:
        for run in old:
            client.delete_flow_run(run.id)
    except httpx.HTTPError as error:
        get_run_logger().info("old ticks are deleted at the next one: %s", error)
    return len(old)
