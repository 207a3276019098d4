"""A whole installation on one machine: emulated provider, Prefect server, worker, blocks, deployments."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from uuid import uuid4

import psutil
from botocore.exceptions import ClientError
from prefect.filesystems import LocalFileSystem
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from prefect_aws import AwsCredentials, S3Bucket
from pydantic import SecretStr

from tuneloop.emulator import EmulatorControl
from tuneloop.errors import ConfigurationError
from tuneloop.http.addresses import check_encrypted
from tuneloop.local_server.processes import Processes, clean_environment, free_port, responds
from tuneloop.local_server.programs import (
    environment_of,
    server_environment,
    start_reports,
    start_server,
    start_worker,
)
from tuneloop.orchestration.blocks import credentials_types, open_store
from tuneloop.orchestration.deploy import deploy_all, prepare_server
from tuneloop.orchestration.deployment_files import SAMPLE
from tuneloop.project.files import copy_shipped
from tuneloop.project.layer import MODEL_FILES
from tuneloop.providers.registry import DEFAULT_CREDENTIALS, PROVIDERS, row_of
from tuneloop.settings import Settings
from tuneloop.storage.s3 import client_config
from tuneloop.storage.s3_errors import s3_errors

StoreKind = Literal["local", "s3"]
_REQUESTS = "s3-requests.log"
_NOT_FOUND = 404


@dataclass(frozen=True)
class Stack:
    """A running installation."""

    folder: Path
    processes: Processes
    server_url: str
    emulator: EmulatorControl
    store_slug: str
    credentials_slug: str
    server_python: str = sys.executable
    """Interpreter of the Prefect server, which may be of another version."""

    @property
    def request_log(self) -> Path:
        """A line for every request to a store on S3, see `tuneloop.storage.s3_logs`."""
        return self.folder / _REQUESTS

    def start_server(self) -> None:
        """Start the Prefect server and wait until it responds."""
        start_server(self.processes, self.server_url, self.server_python)

    def start_worker(self) -> None:
        """Start the worker that runs the flows."""
        start_worker(self.processes, "demo")


def fresh_folder(folder: Path) -> Path:
    """Empty the demo's own folder. Raises `ConfigurationError` while another demo runs there."""
    lock = folder / "demo.pid"
    if lock.is_file():
        pid = int(lock.read_text() or 0)
        if psutil.pid_exists(pid) and pid != os.getpid():
            raise ConfigurationError(
                f"another demo (process {pid}) uses {folder}; stop it or name another folder with --folder"
            )
    elif folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not a demo's folder; name an empty one with --folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lock.write_text(str(os.getpid()))
    return folder.resolve()


@contextmanager
def running_stack(
    folder: Path,
    store: StoreKind,
    provider: str | None = None,
    server_python: str = sys.executable,
    report: Callable[[str], None] = lambda _: None,
) -> Iterator[Stack]:
    """Start everything below one empty folder, and end it all afterwards. Reports each thing that is up."""
    row = row_of(provider) if provider else PROVIDERS[0]
    # Read here, before this process takes on the environment of its programs.
    s3 = s3_settings(Settings()) if store == "s3" else None
    server_port, emulator_port = free_port(), free_port()
    server_url = f"http://127.0.0.1:{server_port}"
    slug = "s3-bucket/tuneloop" if store == "s3" else "local-file-system/tuneloop"
    reports_url = f"http://127.0.0.1:{free_port()}" if store == "local" else None
    environment = _environment(folder, server_url, slug, reports_url)
    processes = Processes(folder / "logs", environment)
    emulator = EmulatorControl(f"http://127.0.0.1:{emulator_port}")
    stack = Stack(folder, processes, server_url, emulator, slug, f"{row.credentials}/default", server_python)
    settings = {PREFECT_API_URL: f"{server_url}/api", PREFECT_HOME: folder / "prefect"}
    try:
        processes.start(
            "emulator", "tuneloop.cli.app", "emulator", "--provider", row.name,
            "--port", str(emulator_port), "--folder", str(folder / "emulator"),
        )  # fmt: skip
        if s3 is not None and s3.s3_endpoint is None:
            s3 = s3.model_copy(update={"s3_endpoint": _start_s3(processes)})
        stack.start_server()
        processes.wait_until("emulator", lambda: responds(f"{emulator.url}/_emulator/health"))
        report(f"emulated provider {row.name}")
        report(f"Prefect server {stack.server_url}")
        with temporary_settings(updates=settings), environment_of(environment):
            prepare_server()
            _save_blocks(stack, s3)
            stack.start_worker()
            report("worker")
            deploy_all(_project_for(stack))
            report("deployments")
            if reports_url is not None:
                start_reports(processes, open_store(slug).uri, reports_url)
                report(f"reports {reports_url}")
            yield stack
    finally:
        processes.end_all()


def _project_for(stack: Stack) -> Path:
    """A project with the sample's file, which names the account of this installation."""
    project = stack.folder / "project"
    copy_shipped(project)
    sample = SAMPLE.read_text(encoding="utf-8").replace(DEFAULT_CREDENTIALS, stack.credentials_slug)
    (project / MODEL_FILES / SAMPLE.name).write_text(sample, encoding="utf-8")
    return project


def _environment(folder: Path, server_url: str, store_slug: str, reports_url: str | None) -> dict[str, str]:
    return clean_environment(
        {
            **server_environment(folder, server_url),
            "TUNELOOP_STORE": store_slug,
            "TUNELOOP_S3_REQUEST_LOG": str(folder / _REQUESTS),
            # A dataset may be tried that lies on this machine.
            "TUNELOOP_ALLOW_PRIVATE_ADDRESSES": "true",
            **({"TUNELOOP_REPORTS_URL": reports_url} if reports_url else {}),
        }
    )


def s3_settings(settings: Settings) -> Settings:
    """The user's server and keys, or keys for one that is to be started. The demo's own programs do not get them.

    Raises:
        ConfigurationError: A server is named without its keys, or none is named and none can be started.
    """
    if settings.s3_endpoint is None:
        if find_spec("moto") is None:
            raise ConfigurationError(
                "--store s3 needs moto, which is not installed: `pip install 'moto[server,s3]'`, in a checkout "
                "`make setup`, or name an S3 server of yours in TUNELOOP_S3_ENDPOINT"
            )
        return settings.model_copy(update={"s3_access_key": "demo", "s3_secret_key": SecretStr("demo-secret")})
    if settings.s3_access_key is None or settings.s3_secret_key is None:
        raise ConfigurationError(
            "TUNELOOP_S3_ENDPOINT names a server without keys; set TUNELOOP_S3_ACCESS_KEY and "
            "TUNELOOP_S3_SECRET_KEY too"
        )
    return settings


def _start_s3(processes: Processes) -> str:
    """Start an S3 server and return its address."""
    port = free_port()
    processes.start("s3", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    processes.wait_until("s3", lambda: responds(f"http://127.0.0.1:{port}/moto-api/data.json"))
    return f"http://127.0.0.1:{port}"


def s3_block(settings: Settings, folder: str) -> S3Bucket:
    """The block of a new store below a prefix of its own, apart from earlier demos.

    Raises:
        StoreError: The server rejects the keys or the bucket.
    """
    bucket, endpoint = settings.s3_bucket, settings.s3_endpoint or ""
    credentials = AwsCredentials(
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key,
        region_name="us-east-1",
        aws_client_parameters={"endpoint_url": endpoint},
    )
    check_encrypted(endpoint, "the S3 server", "images, weights and signed addresses")
    client = credentials.get_boto3_session().client("s3", endpoint_url=endpoint, config=client_config())
    with s3_errors(f"s3://{bucket}", endpoint):
        try:
            client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != _NOT_FOUND:
                raise
            client.create_bucket(Bucket=bucket)
    prefix = f"{folder.strip('.') or 'demo'}-{uuid4().hex[:8]}"
    return S3Bucket(bucket_name=bucket, credentials=credentials, bucket_folder=prefix)


def _save_blocks(stack: Stack, s3: Settings | None) -> None:
    """Save the blocks that the deployments name."""
    key = SecretStr(stack.emulator.api_key)
    block = credentials_types()[stack.credentials_slug.partition("/")[0]]
    block(api_key=key, base_url=stack.emulator.url).save("default", overwrite=True)
    if s3 is None:
        (stack.folder / "store").mkdir()
        LocalFileSystem(basepath=str(stack.folder / "store")).save("tuneloop", overwrite=True)
        return
    s3_block(s3, stack.folder.name).save("tuneloop", overwrite=True)
