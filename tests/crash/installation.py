"""What all cases share: a forge and a server for S3, and for each lane a Prefect server, accounts and stores."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from prefect.client.orchestration import get_client

from tests.crash.flow_files import deployable_flows
from tests.crash.impatience import impatient
from tests.crash.lane import Lane
from tests.crash.places import FREE, AccountPlace, BucketPlace, FolderPlace, StorePlace
from tests.crash.prefect_server import PrefectServer, ServerProcess
from tests.crash.s3_place import S3Server
from tuneloop.emulator.providers import PROVIDERS
from tuneloop.local_server.processes import Processes, clean_environment, free_port
from tuneloop.orchestration.deploy import prepare_server


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
    level = "INFO" if wordy else "WARNING"
    forge = folder / "forge.socket"
    with impatient(), ExitStack() as ends:
        here = [_begin_server(ends, folder / f"lane-{number}", level) for number in range(1, lanes + 1)]
        elsewhere = _begin_server(ends, folder / "elsewhere", level)
        s3 = ends.enter_context(S3Server.running())
        forging = Processes(folder / "logs", _environment(folder, "", level))
        ends.callback(forging.end_all)
        forging.start("forge", "tests.crash.bound", str(os.getpid()), "tests.crash.forge", str(forge))
        forging.wait_until("forge", forge.exists)
        yield Installation(folder, [_lane(ends, server, elsewhere, forge, s3) for server in here])


def _begin_server(ends: ExitStack, home: Path, level: str) -> ServerProcess:
    """Start a server of its own for a lane: with one for all, cases side by side would wait for one writer."""
    port = free_port()
    processes = Processes(home / "logs", _environment(home, f"http://127.0.0.1:{port}/api", level))
    ends.callback(processes.end_all)
    server = ServerProcess(home, port, processes)
    server.begin()
    return server


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


def _lane(ends: ExitStack, server: ServerProcess, elsewhere: ServerProcess, forge: Path, s3: S3Server) -> Lane:
    """The accounts, stores and deployments of one lane, on its server and on the one that all share."""
    name, home = server.home.name, server.home
    stores: dict[str, StorePlace] = {
        "folder": FolderPlace(f"local-file-system/{name}", home / "store"),
        "second": FolderPlace(f"local-file-system/{name}-second", home / "second"),
        "s3": BucketPlace(f"s3-bucket/{name}", f"bucket-of-{name}", s3),
    }
    accounts = {
        "segmind": AccountPlace("segmind", name, name),
        "twin": AccountPlace("segmind", f"{name}-twin", name),
        "bfl": AccountPlace("bfl", name, name),
        "fal": AccountPlace("fal", name, name),
        "replicate": AccountPlace("replicate", name, name),
    }
    here, there = (_side(ends, process, name, stores, accounts) for process in (server, elsewhere))
    lane = Lane(name, home, stores, accounts, here, there, forge)
    ends.callback(lane.end_case)
    return lane


def _side(
    ends: ExitStack,
    process: ServerProcess,
    lane: str,
    stores: dict[str, StorePlace],
    accounts: dict[str, AccountPlace],
) -> PrefectServer:
    """Blocks and deployments of one lane on one server."""
    process.ready()
    with process.in_force():
        prepare_server()
        server = PrefectServer(process, ends.enter_context(get_client(sync_client=True)), lane)
        for store in stores.values():
            store.save_block()
        for account in accounts.values():
            account.limits = None  # each server has blocks of its own
            account.save_block(PROVIDERS[account.provider].api_key, FREE)
        for entrypoint, flow in deployable_flows().items():
            fixed_name = _fixed_names().get(entrypoint)
            server.deploy(flow, entrypoint, fixed_name, [store.slug for store in stores.values()])
    return server


def _fixed_names() -> dict[str, str]:
    """Names of the deployments in prefect.yaml, by entrypoint: flows start each other under these."""
    document = yaml.safe_load(Path("prefect.yaml").read_text(encoding="utf-8"))
    return {entry["entrypoint"]: entry["name"] for entry in document["deployments"]}
