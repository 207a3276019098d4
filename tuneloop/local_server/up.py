"""Run a project on this machine: a server and a worker, its blocks and deployments."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from tuneloop.errors import TuneloopError
from tuneloop.local_server.processes import Processes, ProgramFailed, free_port
from tuneloop.local_server.programs import (
    REPORTS,
    environment_of,
    own_temporary_folder,
    server_environment,
    start_reports,
    start_server,
    start_worker,
)
from tuneloop.orchestration.blocks import open_store
from tuneloop.orchestration.deploy import deploy_all, prepare_server
from tuneloop.orchestration.project_blocks import save_account_block, save_store_block
from tuneloop.project.home import forget_account, home_of, kept_account, locked, write_reports, write_server
from tuneloop.settings import REPORTS_PORT, Settings

_USUAL_PORT = 4200
_LOCAL_STORES = "local-file-system/"

Report = Callable[[str], None]


@contextmanager
def running_project(project: Path, named_server: str | None, report: Report) -> Iterator[Processes]:
    """Start what a project needs, and end it afterwards.

    Args:
        project: Its folder.
        named_server: API address of a server that runs already, None for one of the project's own.
        report: Called with each thing that was done, a line each.

    Raises:
        ConfigurationError: The project runs already, or a file of it has a problem.
        ProgramFailed: The server or the worker did not start.
    """
    home = home_of(project).resolve()
    with ExitStack() as ends:
        ends.enter_context(locked(project))
        write_server(project, None)
        write_reports(project, None)
        server_url = None if named_server else f"http://127.0.0.1:{free_port(_USUAL_PORT)}"
        environment = {**os.environ, **own_temporary_folder(home)}
        if server_url is not None:
            foreign = {name for name in environment if name.startswith("PREFECT_")}
            environment = {name: value for name, value in environment.items() if name not in foreign}
            environment |= server_environment(home, server_url)
        reports_url = _reports_url(project)
        if reports_url is not None:
            environment["TUNELOOP_REPORTS_URL"] = reports_url
        processes = Processes(home / "logs", environment)
        ends.callback(processes.end_all)
        if server_url is not None:
            start_server(processes, server_url)
            report(f"Prefect server {server_url}")
            settings = {PREFECT_API_URL: f"{server_url}/api", PREFECT_HOME: home / "prefect"}
            ends.enter_context(temporary_settings(updates=settings))
            write_server(project, f"{server_url}/api")
            ends.callback(write_server, project, None)
        ends.enter_context(environment_of(environment))
        for line in prepare_project(project):
            report(line)
        start_worker(processes, f"{project.resolve().name}-{socket.gethostname()}")
        for line in deploy_all(project):
            report(line)
        if reports_url is not None:
            ends.callback(write_reports, project, None)
            report(serve_reports(processes, reports_url, project))
        yield processes


def _reports_url(project: Path) -> str | None:
    """Where the pages of the project's store are to be served; None on S3, or where another server is named."""
    settings = Settings(_env_file=project / ".env")
    ours = settings.store.startswith(_LOCAL_STORES) and settings.reports_url is None
    return f"http://127.0.0.1:{free_port(REPORTS_PORT)}" if ours else None


def serve_reports(processes: Processes, url: str, project: Path) -> str:
    """Start the server of the reports, if it can be had: the rest runs without it. Returns what was done."""
    try:
        start_reports(processes, open_store(Settings().store).uri, url)
    except TuneloopError as error:  # said by `deploy_all` too, which goes on
        return f"The reports are not served: {error}"
    except ProgramFailed as error:
        processes.end(REPORTS)
        why, _, _ = str(error).partition(":\n")  # without the end of its log
        return f"The reports are not served: {why}"
    write_reports(project, url)
    return f"Reports {url}"


def prepare_project(project: Path) -> list[str]:
    """Make the server ready, and save the blocks that a new project waits to save. Returns what was done."""
    prepare_server()
    lines = []
    store = Settings(_env_file=project / ".env").store
    if store.startswith(_LOCAL_STORES):
        lines += save_store_block(store, home_of(project) / "store")
    if (account := kept_account(project)) is not None:
        lines += save_account_block(account)
        forget_account(project)
    return lines
