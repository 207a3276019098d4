"""Makes a Prefect server ready: block types, work pool, deployments. Each step may be repeated."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists
from prefect.filesystems import LocalFileSystem
from prefect_aws import AwsCredentials, MinIOCredentials, S3Bucket

from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.blocks import credentials_types, open_provider, store_of
from tuneloop.orchestration.deployment_files import (
    Key,
    check_file,
    deployment_files,
    entries_of,
    named_blocks,
    named_twice,
)
from tuneloop.orchestration.reconcile import deployed_from, deployments, mark, pause_again, remove_undeclared
from tuneloop.orchestration.server_address import server_url
from tuneloop.orchestration.stores import prepare_stores
from tuneloop.settings import Settings

WORK_POOL = "tuneloop"
STORE_TYPES = (LocalFileSystem, AwsCredentials, MinIOCredentials, S3Bucket)


def prepare_server() -> None:
    """Register the block types and make the work pool."""
    kinds: list[type[Block]] = [*credentials_types().values(), *STORE_TYPES]
    for block_type in kinds:
        block_type.register_type_and_schema()
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
        except ObjectAlreadyExists:
            return


def deploy_all(*examples: Path, keep: bool = False) -> list[str]:
    """Check every deployment file and the stores that they name, then deploy them all.

    What people have paused stays paused. What was deployed from here and is in no file any more is deleted. A
    deployment whose blocks are not there yet would only fail, and waits.

    Args:
        *examples: Files that are deployed too.
        keep: Delete nothing, only tell.

    Returns:
        What was done, a line each.

    Raises:
        ConfigurationError: A file has a problem (nothing is deployed then), or no server is named.
        StoreError: A store is not the one that the server knows; nothing is deployed then.
    """
    os.environ.setdefault("TUNELOOP_STORE", Settings().store)
    files = [*deployment_files(), *examples]
    problems = [problem for file in files for problem in check_file(file)] or named_twice(files)
    if problems:
        raise ConfigurationError("nothing was deployed:\n" + "\n".join(f"- {item}" for item in problems))
    everything = {file: entries_of(file) for file in files}
    declared = {key: entry for entries in everything.values() for key, entry in entries.items()}
    missing = {key: what for key, entry in declared.items() if (what := _missing_blocks(entry))}
    ready = [entry for key, entry in declared.items() if key not in missing]
    lines = prepare_stores(set().union(*map(named_blocks, ready)))
    here = Path.cwd().resolve()
    with get_client(sync_client=True) as client:
        before = deployments(client)
        for file, entries in everything.items():
            lines += _deploy(file, [key for key in entries if key not in missing])
        mark(client, here, declared)
        lines += pause_again(client, before, declared)
        lines += remove_undeclared(client, deployed_from(client, here), declared, keep=keep)
    return [*lines, *(f"{name} is not deployed yet: {what}" for (_, name), what in missing.items())]


def _missing_blocks(entry: dict[str, Any]) -> str:
    """Say which blocks of a deployment cannot be opened, and what to do; empty where all can."""
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


def _deploy(file: Path, keys: list[Key]) -> list[str]:
    """Deploy some of the deployments of a file, and say so."""
    if not keys:
        return []
    names = [f"--name={entrypoint.rpartition(':')[2].replace('_', '-')}/{name}" for entrypoint, name in keys]
    # The file name comes from this checkout's own folder.
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", *names, "--prefect-file", str(file)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PREFECT_API_URL": server_url() or ""},
    )
    if done.returncode:
        raise ConfigurationError(f"{file} was not deployed: {(done.stdout + done.stderr).strip()[-2000:]}")
    return [f"deployed {file}: {', '.join(name for _, name in keys)}"]
