"""What all cases share: one Prefect server, a forge, and for each lane an emulated provider and a store."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.filesystems import LocalFileSystem
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from prefect.utilities.callables import parameter_schema
from pydantic import SecretStr

from blocks.segmind_credentials import SegmindCredentials
from deployments.demo.processes import Processes, answers, clean_environment, free_port
from deployments.server_ready import WORK_POOL, prepare_server
from tests.crash.flow_files import deployable_flows
from tests.crash.lane import Lane
from tuneloop.emulator import Progress, running_emulator

_WEIGHTS_BYTES = 200_000
_ONCE_A_YEAR = "0 0 1 1 *"


@dataclass(frozen=True)
class Installation:
    """Everything that runs.

    Attributes:
        folder: All that is kept.
        lanes: Cases are played in these, one after the other in each.
    """

    folder: Path
    lanes: list[Lane]


@contextmanager
def running_installation(folder: Path, lanes: int) -> Iterator[Installation]:
    """Start everything below one folder, and end it all afterwards.

    Args:
        folder: An empty folder.
        lanes: How many cases are played at a time.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = _environment(folder, f"{url}/api")
    processes = Processes(folder / "logs", environment)
    settings = {PREFECT_API_URL: f"{url}/api", PREFECT_HOME: folder / "prefect"}
    forge = folder / "forge.socket"
    with ExitStack() as ends:
        ends.callback(processes.end_all)
        _start(processes, "server", "prefect", "server", "start", "--no-services", "--port", str(port))
        _start(processes, "forge", "tests.crash.forge", str(forge))
        processes.wait_until("forge", forge.exists)
        processes.wait_until("server", lambda: answers(f"{url}/api/health"))
        ends.enter_context(temporary_settings(updates=settings))
        prepare_server()
        made = [_lane(ends, folder, number, forge) for number in range(1, lanes + 1)]
        yield Installation(folder, made)


def _start(processes: Processes, name: str, *module_and_arguments: str) -> None:
    processes.start(name, "tests.crash.bound", str(os.getpid()), *module_and_arguments)


def _environment(folder: Path, api_url: str) -> dict[str, str]:
    """Prefect's settings for the server and all flow runs: no waiting, and nothing in the background."""
    return clean_environment(
        {
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": api_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_LOGGING_TO_API_ENABLED": "false",
            "PREFECT_LOGGING_COLORS": "false",
            "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
            "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
            "PREFECT_CLI_WRAP_LINES": "false",
            "TUNELOOP_POLL_INTERVAL_S": "0.2",
            "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path[1:2]]),
            "PYTHONUNBUFFERED": "1",
            # Threads of its own would keep the forge from forking.
            "OPENBLAS_NUM_THREADS": "1",
        }
    )


def _lane(ends: ExitStack, folder: Path, number: int, forge: Path) -> Lane:
    """An account, a store and the deployments of one lane."""
    name = f"lane-{number}"
    home = folder / name
    store = home / "store"
    home.mkdir()
    emulator = ends.enter_context(
        running_emulator("segmind", home / "emulator", weights_bytes=_WEIGHTS_BYTES, progress=Progress.at_once())
    )
    LocalFileSystem(basepath=str(store)).save(name, overwrite=True)
    SegmindCredentials(api_key=SecretStr(emulator.api_key), base_url=emulator.url, account=name).save(
        name, overwrite=True
    )
    client = ends.enter_context(get_client(sync_client=True))
    lane = Lane(name=name, home=home, store=store, emulator=emulator, client=client, forge=forge)
    for entrypoint, flow in deployable_flows().items():
        _deploy(flow, entrypoint, lane)
    return lane


def _deploy(flow: Flow[Any, Any], entrypoint: str, lane: Lane) -> None:
    """Deploy one flow for one lane. A sensor gets a schedule that is active, and far away: the lane ticks."""
    schema = parameter_schema(flow)
    mine = {"store": lane.store_slug, "stores": [lane.store_slug], "credentials": lane.credentials_slug}
    schedule = DeploymentScheduleCreate(schedule=CronSchedule(cron=_ONCE_A_YEAR, timezone="UTC"), active=True)
    lane.parameters[flow.name] = {key: value for key, value in mine.items() if key in schema.properties}
    deployment = lane.client.create_deployment(
        flow_id=lane.client.create_flow_from_name(flow.name),
        name=_fixed_names().get(entrypoint, lane.name) if "stores" not in schema.properties else lane.name,
        entrypoint=entrypoint,
        work_pool_name=WORK_POOL,
        parameters=lane.parameters[flow.name],
        parameter_openapi_schema=schema.model_dump(),
        # Checked against the form at every start otherwise, which is most of what a start costs the server.
        enforce_parameter_schema=False,
        schedules=[schedule] if "stores" in schema.properties else [],
    )
    lane.deployments[flow.name] = deployment
    lane.entrypoints[deployment] = entrypoint


def _fixed_names() -> dict[str, str]:
    """Names of the deployments in prefect.yaml, by entrypoint: flows start each other under these."""
    document = yaml.safe_load(Path("prefect.yaml").read_text(encoding="utf-8"))
    return {entry["entrypoint"]: entry["name"] for entry in document["deployments"]}
