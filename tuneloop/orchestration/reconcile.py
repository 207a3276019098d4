"""What a deploy leaves as people have set it, and what it takes away because no file has it any more.

Prefect's own deploy starts again what was paused in the UI, and leaves behind what was taken out of the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse

from tuneloop.orchestration.deployment_files import Key

_PAGE = 200


def deployments(client: SyncPrefectClient) -> dict[Key, DeploymentResponse]:
    """Every deployment of the server."""
    return {(found.entrypoint or "", found.name): found for found in _all(client)}


def deployed_from(client: SyncPrefectClient, folder: Path) -> dict[Key, DeploymentResponse]:
    """The deployments that `tuneloop deploy` has made from a folder, and not those that people made there.

    Args:
        client: The server.
        folder: Root of a checkout.
    """
    found = deployments(client)
    return {key: one for key, one in found.items() if _is_from(one, folder) and _mark(one) in one.tags}


def mark(client: SyncPrefectClient, folder: Path, files: dict[Key, Any]) -> None:
    """Mark deployments as made by `tuneloop deploy`, for `deployed_from`.

    Args:
        client: The server.
        folder: Root of a checkout.
        files: The deployments as the files have them.
    """
    for key, found in deployments(client).items():
        if key in files and _is_from(found, folder) and _mark(found) not in found.tags:
            client.update_deployment(found.id, DeploymentUpdate(tags=[*found.tags, _mark(found)]))


def _mark(deployment: DeploymentResponse) -> str:
    """A tag that a copy made in the UI, under another name, does not answer to."""
    return f"tuneloop:{deployment.name}"


def _is_from(deployment: DeploymentResponse, folder: Path) -> bool:
    return any(_directory(step) == str(folder) for step in deployment.pull_steps or [])


def pause_again(
    client: SyncPrefectClient, before: dict[Key, DeploymentResponse], files: dict[Key, Any]
) -> list[str]:
    """Pause what was paused before, unless the file says itself whether a schedule is active.

    Args:
        client: The server.
        before: The deployments as they were before the deploy.
        files: The deployments as the files have them.

    Returns:
        What stays paused, a line each.
    """
    lines = []
    for key, old in before.items():
        if key not in files:
            continue
        new = client.read_deployment(old.id)
        if old.paused and not new.paused:
            client.pause_deployment(new.id)
        if old.paused:
            lines.append(f"{new.name} stays paused")
        for schedule in _inactive(old, files[key]):
            for same in new.schedules:
                if same.active and _is_same(schedule, same):
                    client.update_deployment_schedule(new.id, same.id, active=False)
                    lines.append(f"{new.name}: schedule {same.slug or 'without a slug'} stays paused")
    return lines


def remove_undeclared(
    client: SyncPrefectClient, now: dict[Key, DeploymentResponse], files: dict[Key, Any], *, keep: bool
) -> list[str]:
    """Delete deployments and schedules that no file has any more.

    Args:
        client: The server.
        now: The deployments as they are.
        files: The deployments as the files have them.
        keep: Only tell.

    Returns:
        What was deleted, or would be, a line each.
    """
    done = "is in no file any more, and is kept" if keep else "was in no file any more, and is deleted"
    lines = []
    for key, found in now.items():
        if key not in files:
            lines.append(f"deployment {found.name} ({found.entrypoint}) {done}")
            if not keep:
                client.delete_deployment(found.id)
            continue
        slugs = {schedule.get("slug") for schedule in files[key].get("schedules") or []}
        for schedule in found.schedules:
            if schedule.slug is not None and schedule.slug not in slugs:
                lines.append(f"schedule {schedule.slug} of {found.name} {done}")
                if not keep:
                    client.delete_deployment_schedule(found.id, schedule.id)
    return lines


def _inactive(old: DeploymentResponse, entry: dict[str, Any]) -> Iterator[DeploymentSchedule]:
    """The schedules that were paused, and of which the file does not say whether they are."""
    told = {item.get("slug") for item in entry.get("schedules") or [] if "active" in item}
    return (item for item in old.schedules if not item.active and item.slug not in told)


def _is_same(one: DeploymentSchedule, other: DeploymentSchedule) -> bool:
    return one.slug == other.slug if one.slug or other.slug else _times(one) == _times(other)


def _times(item: DeploymentSchedule) -> dict[str, Any]:
    """When a schedule starts runs. Prefect counts an interval from each deploy anew."""
    return item.schedule.model_dump(exclude={"anchor_date"})


def _directory(step: dict[str, Any]) -> str | None:
    """Where a deployment's flow runs, by one of its pull steps; None where the step says nothing of it."""
    for name, inputs in step.items():
        if name.endswith("set_working_directory") and isinstance(inputs, dict):
            return str(inputs.get("directory"))
    return None


def _all(client: SyncPrefectClient) -> Iterator[DeploymentResponse]:
    offset = 0
    while page := client.read_deployments(limit=_PAGE, offset=offset):
        yield from page
        offset += len(page)
