"""The sensor's own runs: late ones are skipped, idle ones deleted after minutes, and missing ones reported."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType, WorkerStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run

from tuneloop.clock import now
from tuneloop.orchestration.recovery import CONTINUING
from tuneloop.orchestration.run_queries import find_runs
from tuneloop.orchestration.suspend import SENSOR_FLOW, active_sensors, sensors_of

IDLE = "Idle"
LATE = "Late"
"""A tick that left its work to a newer one, and has polled nothing."""
_KEPT = timedelta(minutes=5)
"""What is older than that and has found nothing only hides the runs that did something."""
_DELETED_AT_ONCE = 50
_MAX_WAITING = 2
_READ_AT_ONCE = 50
_MISSED_INTERVALS = 3
"""So many ticks in a row may be missed."""
_TICKED = [StateType.COMPLETED, StateType.FAILED, StateType.RUNNING]
_JUST = timedelta(milliseconds=1)


def is_superseded(client: SyncPrefectClient) -> bool:
    """Return True if a newer tick of the same deployment does the work of this one.

    After a pause many ticks start at once. One that is newer and has started makes this one needless; one that
    only waits may be as late as this one, so only several of them count.
    """
    due = flow_run.scheduled_start_time
    if deployment.id is None or due is None:
        return False
    newer = find_runs(client, [UUID(str(deployment.id))], _READ_AT_ONCE, after=due + _JUST, before=now())
    has_started = any(run.state and run.state.type != StateType.SCHEDULED for run in newer)
    return has_started or len(newer) >= _MAX_WAITING


def previous_tick(client: SyncPrefectClient) -> datetime | None:
    """When the last tick before this one that has polled was due, None where there was none."""
    due = flow_run.scheduled_start_time
    if deployment.id is None or due is None:
        return None
    polled, this = [IDLE, "Completed", "Failed"], [UUID(str(deployment.id))]
    before = find_runs(client, this, 1, names=polled, before=due - _JUST, newest_first=True)
    return before[0].expected_start_time if before else None


def delete_idle_runs(client: SyncPrefectClient, previous: datetime | None) -> None:
    """Delete some of this deployment's older ticks that found nothing to do.

    The `previous` tick stays: should this one crash, it tells when the last poll was.
    """
    if deployment.id is None:
        return
    this, until = [UUID(str(deployment.id))], now() - _KEPT
    if previous is not None:
        until = min(until, previous - _JUST)
    try:
        # By type too: a run that waits for a worker is also Late, as Prefect calls it.
        ended, names = [StateType.COMPLETED], [IDLE, LATE]
        for run in find_runs(client, this, _DELETED_AT_ONCE, types=ended, names=names, before=until):
            client.delete_flow_run(run.id)
    except (httpx.HTTPError, ObjectNotFound) as error:
        get_run_logger().info("old ticks are deleted at the next one: %s", error)


def sensor_problems(client: SyncPrefectClient, store: str, at: datetime | None) -> list[str]:
    """Why nothing polls the trainings of a store, or not any more; empty where all is well.

    `at` is None right after a deploy: the server schedules the sensor's runs anew, seconds later.
    """
    active, found = polling(client, store, at)
    return found + pool_problems(client, {item.work_pool_name for item in active if item.work_pool_name})


def polling(
    client: SyncPrefectClient, store: str, at: datetime | None
) -> tuple[list[DeploymentResponse], list[str]]:
    """The sensors of a store whose schedule is active, and why they do not poll; work pools are not looked at."""
    active, missing = active_sensors(client, store)
    if missing is not None:
        return [], [f"suspended runs of {store} are not resumed: {missing}"]
    found = [] if at is None else _overdue(client, active, at)
    try:
        client.read_deployment_by_name(CONTINUING)
    except ObjectNotFound:
        found.append(f"there is no deployment {CONTINUING} to continue lost runs: run `tuneloop deploy`")
    return active, found


def last_tick(client: SyncPrefectClient, store: str) -> datetime | None:
    """When the last poll of a store was due, by a schedule that may be paused by now; None where none was made."""
    sensors = sensors_of(client, [store])
    return _last_due(client, sensors) if sensors else None


def _last_due(client: SyncPrefectClient, sensors: list[DeploymentResponse]) -> datetime | None:
    last = find_runs(client, sensors, 1, types=_TICKED, newest_first=True)
    return last[0].expected_start_time if last else None


def pool_problems(client: SyncPrefectClient, pools: Iterable[str]) -> list[str]:
    """Which work pools start no runs, and why."""
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


def _overdue(client: SyncPrefectClient, sensors: list[DeploymentResponse], at: datetime) -> list[str]:
    """Report that the last tick was too long ago, by the interval in which ticks are scheduled."""
    name = f"{SENSOR_FLOW}/{sensors[0].name}"
    coming = find_runs(client, sensors, 2, types=[StateType.SCHEDULED], after=at)
    times = [run.expected_start_time for run in coming if run.expected_start_time]
    if len(times) <= 1:
        return [f"no run of {name} is scheduled: are the Prefect server's services up?"]
    last = _last_due(client, sensors)
    since = last or max(filter(None, (item.created for item in sensors)))
    if since is None or at - since <= _MISSED_INTERVALS * max(times[1] - times[0], timedelta(minutes=1)):
        return []
    minutes = (at - since).total_seconds() / 60
    seen = "last polled" if last else "has not polled since it was created"
    return [f"{name} {seen} {minutes:.0f} minutes ago, and is due more often: is its worker up?"]
