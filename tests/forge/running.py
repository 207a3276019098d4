"""A forge beside a test's installation, for its commands and for the flow runs that its worker starts."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolUpdate

from tuneloop.demo.stack import Stack
from tuneloop.local_server.processes import Processes
from tuneloop.orchestration.deploy import WORK_POOL

_CLIENT = Path(__file__).with_name("quick_python.py")


@contextmanager
def running_forge(stack: Stack) -> Iterator[None]:
    """Let the worker of an installation start its runs in forked processes.

    It is Prefect's own worker with its own checks and reports; a run's process only imports nothing anew, which
    is most of what a short run costs.
    """
    # Threads of its own would keep the forge from forking.
    environment = {**stack.processes.environment, "OPENBLAS_NUM_THREADS": "1"}
    programs = Processes(stack.folder / "logs", environment)
    try:
        programs.start("forge", "tests.forge.modules", str(forge_of(stack)))
        programs.wait_until("forge", forge_of(stack).exists)
        _start_runs_with(shlex.join([*quick_python(stack), "-m", "prefect.engine"]))
        yield
    finally:
        programs.end_all()


def forge_of(stack: Stack) -> Path:
    """The forge's socket."""
    return stack.folder / "forge.socket"


def quick_python(stack: Stack) -> list[str]:
    """What takes `-m MODULE ARGUMENTS` like Python, for `subprocess`."""
    return [sys.executable, "-I", "-S", str(_CLIENT), str(forge_of(stack))]


def _start_runs_with(command: str) -> None:
    with get_client(sync_client=True) as client:
        template = client.read_work_pool(WORK_POOL).base_job_template
        template["variables"]["properties"]["command"]["default"] = command
        client.update_work_pool(WORK_POOL, WorkPoolUpdate(base_job_template=template))
