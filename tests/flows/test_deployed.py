"""The shipped deployment files, once deployed: Prefect plans their runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule

from tests.flows.runs import RETRAIN, SENSOR
from tests.waiting import wait_until
from tuneloop.orchestration.deployment_files import SAMPLE


@pytest.mark.parametrize(("deployment", "file"), [(RETRAIN, str(SAMPLE)), (SENSOR, "prefect.yaml")])
@pytest.mark.usefixtures("stack")
def test_runs_are_planned_as_the_file_says(deployment: str, file: str, pytestconfig: pytest.Config) -> None:
    (written,) = schedules_in(pytestconfig.rootpath / file, deployment)
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(deployment)
    (schedule,) = [item.schedule for item in found.schedules]
    assert isinstance(schedule, CronSchedule)
    assert (schedule.cron, schedule.timezone) == (written["cron"], written["timezone"])
    wait_until("runs are planned", lambda: len(planned(found)) > 1)
    minute, hour = written["cron"].split()[:2]
    for moment in planned(found):
        local = moment.astimezone(ZoneInfo(written["timezone"]))
        assert hour in ("*", str(local.hour))
        assert minute in ("*", str(local.minute))


def schedules_in(file: Path, deployment: str) -> list[dict[str, Any]]:
    entries = yaml.safe_load(file.read_text())["deployments"]
    (entry,) = [entry for entry in entries if deployment.endswith(f"/{entry['name']}")]
    return list(entry["schedules"])


def planned(deployment: DeploymentResponse) -> list[datetime]:
    """When the runs that wait for their time are to start."""
    scheduled = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
            flow_run_filter=FlowRunFilter(state=scheduled),
        )
    # A resumed run is scheduled too, but not by the schedule.
    return [run.expected_start_time for run in runs if run.auto_scheduled and run.expected_start_time]
