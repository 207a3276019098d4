"""Makes a Prefect server ready: block types, work pool, deployments. Each step may be repeated."""

from __future__ import annotations

import os
import subprocess
import sys

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists
from prefect.filesystems import LocalFileSystem
from prefect.settings import get_current_settings
from prefect_aws import AwsCredentials, MinIOCredentials, S3Bucket

from blocks.bfl_credentials import BflCredentials
from blocks.segmind_credentials import SegmindCredentials
from deployments.deployment_files import check_file, deployment_files, named_blocks
from deployments.stores import prepare_stores
from tuneloop.errors import ConfigurationError
from tuneloop.settings import Settings

WORK_POOL = "tuneloop"
BLOCK_TYPES = (SegmindCredentials, BflCredentials, LocalFileSystem, AwsCredentials, MinIOCredentials, S3Bucket)


def prepare_server() -> None:
    """Register the block types and make the work pool. Raises `ConfigurationError` where no server is named."""
    _api_url()
    for block_type in BLOCK_TYPES:
        block_type.register_type_and_schema()
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
        except ObjectAlreadyExists:
            return


def deploy_all() -> list[str]:
    """Check every deployment file and the stores that they name, then deploy them all.

    Returns:
        What was done, a line each.

    Raises:
        ConfigurationError: A file has a problem (nothing is deployed then), or no server is named.
        StoreError: A store is not the one that the server knows; nothing is deployed then.
    """
    os.environ.setdefault("TUNELOOP_STORE", Settings().store)
    files = deployment_files()
    problems = [problem for file in files for problem in check_file(file)]
    if problems:
        raise ConfigurationError("nothing was deployed:\n" + "\n".join(f"- {item}" for item in problems))
    api = _api_url()
    lines = prepare_stores(set().union(*(named_blocks(file) for file in files)))
    for file in files:
        # The file name comes from this checkout's own folder.
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PREFECT_API_URL": api},
        )
        if done.returncode:
            raise ConfigurationError(f"{file} was not deployed: {(done.stdout + done.stderr).strip()[-2000:]}")
    return [*lines, *(f"deployed {file}" for file in files)]


def _api_url() -> str:
    """Address of the server. Without one, Prefect would start a temporary server, deploy there and say nothing."""
    url = get_current_settings().api.url
    if not url:
        raise ConfigurationError(
            "PREFECT_API_URL is not set, so there is no server to deploy to. Start one with "
            "`prefect server start`, then `prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api`"
        )
    return url
