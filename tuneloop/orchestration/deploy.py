"""Make a Prefect server ready: block types, work pool, deployments. Each step may be repeated.

Prefect's own deploy starts again what was paused in the UI, and leaves behind what was taken out of the files;
ours does neither.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectAlreadyExists
from prefect.filesystems import LocalFileSystem
from prefect_aws import AwsCredentials, MinIOCredentials, S3Bucket

from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.blocks import credentials_types, open_provider, store_of
from tuneloop.orchestration.deployed import (
    all_deployed,
    left_over_schedules,
    made_from,
    mark_of,
    other_project_of,
)
from tuneloop.orchestration.deployment_files import (
    Key,
    check_files,
    deployment_files,
    entries_of,
    named_blocks,
    set_default_store,
)
from tuneloop.orchestration.run_form import fill_form
from tuneloop.orchestration.server_address import server_url
from tuneloop.orchestration.stores import prepare_stores
from tuneloop.project.layer import OPERATOR_FILE

WORK_POOL = "tuneloop"
_STORE_TYPES = (LocalFileSystem, AwsCredentials, MinIOCredentials, S3Bucket)


def prepare_server() -> None:
    """Register the block types and make the work pool."""
    kinds: list[type[Block]] = [*credentials_types().values(), *_STORE_TYPES]
    for block_type in kinds:
        register(block_type)
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
        except ObjectAlreadyExists:
            return


def register(block_type: type[Block]) -> None:
    """Register a block type, also where a server that is just starting registers it at the same moment."""
    try:
        block_type.register_type_and_schema()
    except ObjectAlreadyExists:
        block_type.register_type_and_schema()


def deploy_all(project: Path = Path(), *, keep: bool = False) -> list[str]:
    """Check every deployment file of a project and the stores that they name, then deploy them all.

    What people have paused stays paused. What was deployed from here and is in no file any more is deleted. A
    deployment whose blocks are not there yet would only fail, and waits.

    Args:
        project: Its folder.
        keep: Delete nothing, only report.

    Returns:
        What was done, a line each.

    Raises:
        ConfigurationError: A file has a problem (nothing is deployed then), or no server is named.
        StoreError: A store is not the one that the server knows; nothing is deployed then.
    """
    set_default_store()
    files = deployment_files(project)
    if problems := check_files(files):
        raise ConfigurationError("nothing was deployed:\n" + "\n".join(f"- {item}" for item in problems))
    everything = {file: entries_of(file) for file in files}
    declared = {key: entry for entries in everything.values() for key, entry in entries.items()}
    missing = {key: what for key, entry in declared.items() if (what := _missing_blocks(entry))}
    ready = [entry for key, entry in declared.items() if key not in missing]
    here = project.resolve()
    with get_client(sync_client=True) as client:
        before = all_deployed(client)
        _check_nobody_elses(before, declared, here)
        lines = prepare_stores(set().union(*map(named_blocks, ready)))
        for file, entries in everything.items():
            lines += _deploy(here, file, [key for key in entries if key not in missing])
        ours = made_from(all_deployed(client), here, declared)
        _mark(client, [ours[key] for key in ours.keys() & declared.keys()])
        for key in ours.keys() & declared.keys():
            fill_form(client, ours[key])
        lines += _pause_again(client, before, declared)
        lines += _remove_undeclared(client, ours, declared, keep=keep)
    return [*lines, *(f"{name} is not deployed yet: {what}" for (_, name), what in missing.items())]


def _check_nobody_elses(before: dict[Key, DeploymentResponse], files: dict[Key, Any], project: Path) -> None:
    """Raise `ConfigurationError` where a deployment would take the place of another project's."""
    for key in before.keys() & files.keys():
        if (folder := other_project_of(before[key], project)) is not None:
            raise ConfigurationError(
                f"nothing was deployed: {key[1]} is deployed from the project in {folder} already. For two "
                "projects on one Prefect server give each sensor and each model a name of its own, and keep "
                f"recovery, adopt and rollback in one {OPERATOR_FILE} only; they serve both"
            )


def _missing_blocks(entry: dict[str, Any]) -> str:
    """Which blocks of a deployment cannot be opened, and what to do; empty where all can."""
    named = named_blocks(entry)
    stores = {store for store, _ in named}
    accounts = {credentials for _, credentials in named if credentials}
    problems = []
    for opened, slugs in ((store_of, stores), (open_provider, accounts)):
        for slug in sorted(slugs):
            try:
                opened(slug)
            except ConfigurationError as error:
                problems.append(str(error))
    return f"{'; '.join(problems)}. Then run `tuneloop deploy` again" if problems else ""


def _deploy(project: Path, file: Path, keys: list[Key]) -> list[str]:
    if not keys:
        return []
    names = [f"--name={entrypoint.rpartition(':')[2].replace('_', '-')}/{name}" for entrypoint, name in keys]
    # The file name comes from the project's own folder.
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", *names, "--prefect-file", str(file.resolve())],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PREFECT_API_URL": server_url() or ""},
    )
    if done.returncode:
        raise ConfigurationError(f"{file} was not deployed: {(done.stdout + done.stderr).strip()[-2000:]}")
    return [f"deployed {file}: {', '.join(name for _, name in keys)}"]


def _mark(client: SyncPrefectClient, ours: list[DeploymentResponse]) -> None:
    """Mark what was deployed just now, so that it is known once it is in no file any more."""
    for found in ours:
        if (mark := mark_of(found)) not in found.tags:
            client.update_deployment(found.id, DeploymentUpdate(tags=[*found.tags, mark]))


def _pause_again(
    client: SyncPrefectClient, before: dict[Key, DeploymentResponse], files: dict[Key, Any]
) -> list[str]:
    """Pause what was paused before the deploy, unless the file says itself whether a schedule is active."""
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


def _remove_undeclared(
    client: SyncPrefectClient, ours: dict[Key, DeploymentResponse], files: dict[Key, Any], *, keep: bool
) -> list[str]:
    """Delete deployments and schedules that no file has any more; `keep` only reports them."""
    done = "is no longer in any file, and is kept" if keep else "is no longer in any file, and was deleted"
    lines = []
    for key, found in ours.items():
        if key not in files:
            lines.append(f"deployment {found.name} ({found.entrypoint}) {done}")
            if not keep:
                client.delete_deployment(found.id)
            continue
        for schedule in left_over_schedules(found, files[key]):
            lines.append(f"schedule {schedule.slug} of {found.name} {done}")
            if not keep:
                client.delete_deployment_schedule(found.id, schedule.id)
    return lines


def _inactive(old: DeploymentResponse, entry: dict[str, Any]) -> Iterator[DeploymentSchedule]:
    """The schedules that were paused, and of which the file does not say whether they are."""
    set_in_file = {item.get("slug") for item in entry.get("schedules") or [] if "active" in item}
    return (item for item in old.schedules if not item.active and item.slug not in set_in_file)


def _is_same(one: DeploymentSchedule, other: DeploymentSchedule) -> bool:
    return one.slug == other.slug if one.slug or other.slug else _times(one) == _times(other)


def _times(item: DeploymentSchedule) -> dict[str, Any]:
    """When a schedule starts runs. Prefect counts an interval from each deploy anew."""
    return item.schedule.model_dump(exclude={"anchor_date"})
