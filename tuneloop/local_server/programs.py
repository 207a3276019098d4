"""Start a Prefect server and a worker below one folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuneloop.local_server.processes import Processes, listens, responds
from tuneloop.orchestration.deploy import WORK_POOL

REPORTS = "reports"
"""The program that shows a store's pages; nothing else needs it."""


def own_temporary_folder(folder: Path) -> dict[str, str]:
    """Prefect's worker keeps its copies in one folder of the temporary folder, whoever else has made that."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {"TMPDIR": str(temporary)}


def server_environment(folder: Path, server_url: str) -> dict[str, str]:
    """Variables for a server that keeps everything below a folder, and for the programs that speak to it."""
    return {
        **own_temporary_folder(folder),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"{server_url}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.5",
        # This server wants no CSRF tokens; each client would ask for one before its first write.
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
        "PYTHONUNBUFFERED": "1",
    }


def start_server(processes: Processes, server_url: str, python: str = sys.executable) -> None:
    """Start a Prefect server and wait until it responds.

    Raises:
        ProgramFailed: It did not start.
    """
    port = server_url.rpartition(":")[2]
    processes.start("server", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port, python=python)
    processes.wait_until("server", lambda: responds(f"{server_url}/api/health"))


def start_worker(processes: Processes, name: str) -> int:
    """Start a worker that runs the flows. Returns its process id."""
    return processes.start(
        "worker", "prefect", "worker", "start", "--pool", WORK_POOL, "--type", "process", "--name", name
    )


def start_reports(processes: Processes, store_uri: str, url: str) -> None:
    """Start the server of the pages of a store in a folder, and wait until it listens.

    A page that it cannot show, such as the list of a damaged store, is no reason to do without it.

    Raises:
        ProgramFailed: It did not start.
    """
    port = url.rpartition(":")[2]
    processes.start(REPORTS, "tuneloop.cli.app", "reports", "--serve", "--port", port, "--store", store_uri)
    processes.wait_until(REPORTS, lambda: listens(url))


@contextmanager
def environment_of(environment: dict[str, str]) -> Iterator[None]:
    """Give this process the environment that its programs have: deploying reads it."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
