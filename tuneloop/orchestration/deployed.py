"""Which deployments a Prefect server has, which of them are a project's, and how they differ from its files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ParameterTypeError, SignatureMismatchError

from tuneloop.orchestration.deployment_files import Key, flow_of, resolved
from tuneloop.orchestration.run_queries import paged
from tuneloop.project.layer import OPERATOR_FILE

Deployed = dict[Key, DeploymentResponse]
_TIMES = ("cron", "interval", "rrule", "timezone", "day_or")


def all_deployed(client: SyncPrefectClient) -> Deployed:
    """Every deployment of the server."""
    found = paged(lambda limit, offset: client.read_deployments(limit=limit, offset=offset))
    return {(one.entrypoint or "", one.name): one for one in found}


def mark_of(found: DeploymentResponse) -> str:
    """The tag of what `tuneloop deploy` has made: its name, so that a copy made in the UI has none of its own."""
    return f"tuneloop:{found.name}"


def made_from(deployed: Deployed, folder: Path, files: dict[Key, Any]) -> Deployed:
    """Those that `tuneloop deploy` has made from the files of a project, or may mark as such."""
    here = {key: one for key, one in deployed.items() if str(folder) in folders_of(one)}
    return {key: one for key, one in here.items() if key in files or mark_of(one) in one.tags}


def other_project_of(found: DeploymentResponse, folder: Path) -> str | None:
    """The folder of another project that a deployment comes from, None where there is no such project."""
    others = folders_of(found) - {str(folder)}
    return next((other for other in sorted(others) if Path(other, OPERATOR_FILE).is_file()), None)


def folders_of(found: DeploymentResponse) -> set[str]:
    """Where a deployment's flow runs, by its pull steps."""
    steps = [item for step in found.pull_steps or [] for item in step.items()]
    return {
        str(inputs.get("directory"))
        for name, inputs in steps
        if name.endswith("set_working_directory") and isinstance(inputs, dict) and inputs.get("directory")
    }


def left_over_schedules(found: DeploymentResponse, entry: dict[str, Any]) -> Iterator[DeploymentSchedule]:
    """Schedules with a slug that the file has not any more. Prefect leaves them where they are."""
    slugs = {schedule.get("slug") for schedule in entry.get("schedules") or []}
    return (item for item in found.schedules if item.slug is not None and item.slug not in slugs)


def differences(found: DeploymentResponse, entry: dict[str, Any]) -> list[str]:
    """Which fields of a deployment are not as its file says, by their names there.

    Whether it is paused is none of them: that is switched in the UI.
    """
    pool, schedules = entry.get("work_pool") or {}, entry.get("schedules") or []
    is_same = {
        "parameters": _is_same_call(entry, found.parameters, resolved(entry.get("parameters") or {})),
        "schedules": all(any(_is_made_of(made, item) for made in found.schedules) for item in schedules),
        "work_pool": found.work_pool_name == pool.get("name")
        and found.job_variables == resolved(pool.get("job_variables") or {}),
        "tags": set(entry.get("tags") or []) == set(found.tags) - {mark_of(found)},
        "concurrency_limit": _limit_of(found) == _limit_in(entry),
        "description": entry.get("description") in {None, found.description},
    }
    return [name for name, same in is_same.items() if not same]


def _is_same_call(entry: dict[str, Any], one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether a flow makes the same of two sets of parameters: its run form keeps a recipe in other fields."""
    if one == other:
        return True
    if not one or not other:
        return False
    try:
        flow = flow_of(entry["entrypoint"])
        return flow.validate_parameters(one) == flow.validate_parameters(other)
    except (ParameterTypeError, SignatureMismatchError, TypeError, ValueError):
        return False


def _is_made_of(made: DeploymentSchedule, item: dict[str, Any]) -> bool:
    times = made.schedule.model_dump()
    return (
        made.slug == item.get("slug")
        and made.parameters == resolved(item.get("parameters") or {})
        and all(times.get(name) == _time(item[name]) for name in _TIMES if item.get(name) is not None)
    )


def _time(value: Any) -> Any:
    return timedelta(seconds=value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _limit_of(found: DeploymentResponse) -> int | None:
    return found.global_concurrency_limit.limit if found.global_concurrency_limit else None


def _limit_in(entry: dict[str, Any]) -> int | None:
    limit = entry.get("concurrency_limit")
    return limit.get("limit") if isinstance(limit, dict) else limit
