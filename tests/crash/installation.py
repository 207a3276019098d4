"""What all cases share: a forge, and for each lane a Prefect server, an emulated provider and a store."""

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
from deployments.stores import init_store
from tests.crash.flow_files import deployable_flows
from tests.crash.impatience import retry_soon
from tests.crash.lane import Lane

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
def running_installation(folder: Path, lanes: int, *, wordy: bool = False) -> Iterator[Installation]:
    """Start everything below one folder, and end it all afterwards.

    Args:
        folder: An empty folder.
        lanes: How many cases are played at a time.
        wordy: Keep all log lines of flow runs, not only what is wrong.
    """
    retry_soon()
    level = "INFO" if wordy else "WARNING"
    forge = folder / "forge.socket"
    with ExitStack() as ends:
        servers = [_Server.begin(ends, folder / f"lane-{number}", level) for number in range(1, lanes + 1)]
        forging = Processes(folder / "logs", _environment(folder, "", level))
        ends.callback(forging.end_all)
        _start(forging, "forge", "tests.crash.forge", str(forge))
        forging.wait_until("forge", forge.exists)
        yield Installation(folder, [_lane(ends, server, forge) for server in servers])


@dataclass(frozen=True)
class _Server:
    """The Prefect server of one lane: with one for all, cases side by side would wait for SQLite's one writer."""

    home: Path
    url: str
    processes: Processes

    @classmethod
    def begin(cls, ends: ExitStack, home: Path, level: str) -> _Server:
        """Start one, and do not wait for it."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        processes = Processes(home / "logs", _environment(home, f"{url}/api", level))
        ends.callback(processes.end_all)
        _start(processes, "server", "prefect", "server", "start", "--no-services", "--port", str(port))
        return cls(home, url, processes)

    def ready(self) -> None:
        """Wait until it answers."""
        self.processes.wait_until("server", lambda: answers(f"{self.url}/api/health"))


def _start(processes: Processes, name: str, *module_and_arguments: str) -> None:
    processes.start(name, "tests.crash.bound", str(os.getpid()), *module_and_arguments)


def _environment(folder: Path, api_url: str, log_level: str) -> dict[str, str]:
    """Prefect's settings for the server and all flow runs: no waiting, and nothing in the background."""
    return clean_environment(
        {
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": api_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_LOGGING_TO_API_ENABLED": "false",
            "PREFECT_LOGGING_LEVEL": log_level,
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


def _lane(ends: ExitStack, server: _Server, forge: Path) -> Lane:
    """An account, a store and the deployments of one lane, on its server."""
    server.ready()
    name, home, api_url = server.home.name, server.home, f"{server.url}/api"
    with temporary_settings(updates={PREFECT_API_URL: api_url, PREFECT_HOME: home / "prefect"}):
        prepare_server()
        client = ends.enter_context(get_client(sync_client=True))
        lane = Lane(name, home, home / "store", free_port(), api_url, client, forge)
        ends.callback(lane.end_case)
        lane.begin_case("none yet")
        LocalFileSystem(basepath=str(lane.store)).save(name, overwrite=True)
        init_store(lane.store_slug)
        lane.keep_store()
        key = SecretStr(lane.emulator.api_key)
        SegmindCredentials(api_key=key, base_url=lane.emulator.url, account=name).save(name, overwrite=True)
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
