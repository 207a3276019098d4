"""What deployments need to run, and whether those on the server are the ones of the project's files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect.client.orchestration import get_client
from prefect.exceptions import ParameterTypeError, SignatureMismatchError

from tuneloop.errors import ConfigurationError
from tuneloop.operations.doctor.check import Check, ok, problem, unknown
from tuneloop.orchestration.deployed import (
    Deployed,
    all_deployed,
    differences,
    left_over_schedules,
    made_from,
    other_project_of,
)
from tuneloop.orchestration.deployment_files import Key, check_files, deployment_files, entries_of, named_blocks

FILES, DEPLOYMENTS = "deployment files", "deployments"
_DEPLOY = "Run `tuneloop deploy`"


@dataclass
class Project:
    """The deployments of a project, by its files, and what they need. Filled in by the checks."""

    folder: Path
    declared: dict[Key, dict[str, Any]] | None = None
    """None where there are no files, or they have problems."""
    blocks: set[tuple[str, str | None]] = field(default_factory=set)
    """Slugs of stores, each with that of an account that trains into it, if any."""
    pools: set[str] = field(default_factory=set)

    def needs(self, entries: Iterable[dict[str, Any]]) -> None:
        """Add what some deployments need. What is not of ours names no block that we know of."""
        for entry in entries:
            self.pools |= {pool} if (pool := (entry.get("work_pool") or {}).get("name")) else set()
            with suppress(
                ImportError, AttributeError, ParameterTypeError, SignatureMismatchError, TypeError, ValueError
            ):
                self.blocks |= named_blocks(entry)


def file_checks(project: Project) -> list[Check]:
    """Check the files of a project, and note what they need."""
    try:
        files = deployment_files(project.folder)
    except ConfigurationError as error:
        return [unknown(FILES, "this folder is not a project", str(error))]
    if problems := check_files(files):
        return [problem(FILES, "cannot be deployed", "\n".join(problems))]
    project.declared = {key: entry for file in files for key, entry in entries_of(file).items()}
    project.needs(project.declared.values())
    return [ok(FILES, f"{len(project.declared)} deployments in {len(files)} files")]


def deployment_checks(project: Project) -> list[Check]:
    """Compare the deployments of the server with the files. Without files, only note what they need."""
    with get_client(sync_client=True) as client:
        deployed = all_deployed(client)
    if project.declared is None:
        project.needs(
            {
                "entrypoint": one.entrypoint,
                "work_pool": {"name": one.work_pool_name},
                "parameters": one.parameters,
                "schedules": [{"parameters": item.parameters} for item in one.schedules],
            }
            for one in deployed.values()
        )
        return [unknown(DEPLOYMENTS, "not compared with files", f"Fix the {FILES} first.")]
    folder = project.folder.resolve()
    wrong = [
        *_not_as_declared(deployed, project.declared, folder),
        *_left_over(made_from(deployed, folder, project.declared), project.declared),
    ]
    return wrong or [ok(DEPLOYMENTS, "as in their files")]


def _not_as_declared(deployed: Deployed, declared: dict[Key, dict[str, Any]], folder: Path) -> Iterator[Check]:
    for key, entry in declared.items():
        name, found = f"deployment {key[1]}", deployed.get(key)
        if found is None:
            yield problem(name, "is not on the server", f"{_DEPLOY}.")
        elif (other := other_project_of(found, folder)) is not None:
            yield problem(
                name, "is another project's", f"It was deployed from {other}. Give one of them another name."
            )
        elif different := differences(found, entry):
            remedy = f"{_DEPLOY}, or copy the change from the server into the file."
            yield problem(name, f"differs from its file: {', '.join(different)}", remedy)


def _left_over(ours: Deployed, declared: dict[Key, dict[str, Any]]) -> Iterator[Check]:
    for key, found in ours.items():
        name = f"deployment {key[1]}"
        if key not in declared:
            yield problem(name, "is no longer in any file", f"{_DEPLOY}, which deletes it.")
            continue
        for schedule in left_over_schedules(found, declared[key]):
            said = f"its schedule {schedule.slug} is no longer in any file"
            yield problem(name, said, f"{_DEPLOY}, which deletes it.")
