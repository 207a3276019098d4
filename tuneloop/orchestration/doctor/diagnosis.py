"""Check an installation: the server first, then what its deployments need."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from prefect.settings import get_current_settings

from tuneloop.operations.doctor.check import Check, Planned, run_all, unknown
from tuneloop.operations.doctor.disk import PREFECT_BYTES, TEMPORARY_BYTES, disk_checks
from tuneloop.orchestration.deployment_files import set_default_store
from tuneloop.orchestration.doctor.blocks import checks_of_account, checks_of_pair, checks_of_store
from tuneloop.orchestration.doctor.deployments import DEPLOYMENTS, FILES, Project, deployment_checks, file_checks
from tuneloop.orchestration.doctor.server import SERVER, pool_checks, sensor_checks, server_checks
from tuneloop.orchestration.server_address import trouble_with_server


def diagnose(named_by: str, folder: Path) -> list[Check]:
    """Check a whole installation; nothing is paid, and nothing is written but by the look at each store.

    Args:
        named_by: What names the Prefect server, for people.
        folder: The project whose files are compared. Where it is none, what all deployments of the server need
            is checked.

    Returns:
        What was found, the server first. Where that is not ok, little else can be said.
    """
    set_default_store()
    project = Project(folder)
    found = _run(Planned(SERVER, partial(server_checks, named_by)), *_here(project))
    if found[0].status != "ok":
        told = "Only the server knows the work pools, blocks, stores, accounts and deployments."
        return [*found, unknown("everything on the server", "not checked", told)]
    found += _run(Planned(DEPLOYMENTS, partial(deployment_checks, project)))
    return found + _run(*_needed(project))


def _run(*planned: Planned) -> list[Check]:
    return run_all(planned, trouble_with_server)


def _here(project: Project) -> Iterator[Planned]:
    """What this machine alone can tell."""
    yield Planned(FILES, partial(file_checks, project))
    temporary, home = Path(tempfile.gettempdir()), get_current_settings().home
    yield Planned("disk", partial(disk_checks, "temporary folder", temporary, TEMPORARY_BYTES))
    yield Planned("disk", partial(disk_checks, "Prefect's folder", home, PREFECT_BYTES))


def _needed(project: Project) -> Iterator[Planned]:
    """What the deployments need."""
    stores = sorted({store for store, _ in project.blocks})
    pairs = sorted((store, account) for store, account in project.blocks if account is not None)
    for pool in sorted(project.pools):
        yield Planned(f"work pool {pool}", partial(pool_checks, pool))
    for store in stores:
        yield Planned(f"sensor of {store}", partial(sensor_checks, store))
    for store in stores:
        yield Planned(f"store {store}", partial(checks_of_store, store))
    for account in sorted({account for _, account in pairs}):
        yield Planned(f"account {account}", partial(checks_of_account, account))
    for store, account in pairs:
        yield Planned(f"account {account} in {store}", partial(checks_of_pair, store, account))
