"""A forge beside a test's installation, for its commands and for the flow runs that its worker starts."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolUpdate

from tests.forge.modules import QUICK_PYTHON
from tests.waiting import LIMIT_S, relying_on
from tuneloop.local_server.processes import Processes
from tuneloop.orchestration.deploy import WORK_POOL

_CLIENT = Path(__file__).with_name("quick_python.py")


@contextmanager
def running_forge(folder: Path, environment: dict[str, str]) -> Iterator[Path]:
    """Run a forge. Yields an executable that takes `-m MODULE ARGUMENTS` as Python does, and forks."""
    forge, python = folder / "forge.socket", folder / QUICK_PYTHON
    fresh, client = shlex.quote(sys.executable), shlex.join(["-I", "-S", str(_CLIENT), str(forge)])
    python.write_text(f'#!/bin/sh\n[ "$1" = -m ] && exec {fresh} {client} "$@"\nexec {fresh} "$@"\n')
    python.chmod(0o700)
    # Threads of its own would keep the forge from forking.
    programs = Processes(folder / "logs", {**environment, "OPENBLAS_NUM_THREADS": "1"})
    try:
        programs.start("forge", "tests.forge.modules", str(forge))
        programs.wait_until("forge", forge.exists, LIMIT_S)
        with relying_on(programs):
            yield python
    finally:
        programs.end_all()


def fork_flow_runs(python: Path) -> None:
    """Let the worker start its runs in forked processes.

    It is Prefect's own worker with its own checks and reports; a run only imports nothing anew, which is most of
    what a short one costs.
    """
    command = shlex.join([str(python), "-m", "prefect.engine"])
    with get_client(sync_client=True) as client:
        template = client.read_work_pool(WORK_POOL).base_job_template
        template["variables"]["properties"]["command"]["default"] = command
        client.update_work_pool(WORK_POOL, WorkPoolUpdate(base_job_template=template))
