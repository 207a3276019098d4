"""A forge whose children are what `python -m MODULE ARGUMENTS` is: `python -m tests.forge.modules SOCKET`.

`tests/forge/quick_python.py` asks for them.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import socket
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

import prefect.context
from prefect.logging.configuration import setup_logging

import tuneloop.ledger.submission
from tests.forge.forking import fork_for_each_connection

QUICK_PYTHON = "quick-python"
"""Name of the executable beside a forge's socket that forks from it."""
_STREAMS = (0, 1, 2)


def run_module(connection: socket.socket) -> NoReturn:
    """Become the process that was asked for, and leave as Python does."""
    _, streams, _, _ = socket.recv_fds(connection, 1, len(_STREAMS))
    order: dict[str, Any] = json.loads(connection.makefile().readline())
    connection.sendall(f"{os.getpid()}\n".encode())
    for given, standard in zip(streams, _STREAMS, strict=True):
        os.dup2(given, standard)
        os.close(given)
    _move_into(order["environment"], order["folder"])
    module, *arguments = order["arguments"]
    code = _outcome_of(module, arguments)
    connection.sendall(f"{code}\n".encode())
    # Taking down what was imported takes longer than the rest of a short command.
    os._exit(code)


def _move_into(environment: dict[str, str], folder: str) -> None:
    """Read anew what a process reads of its surroundings at its start."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    # What it starts itself is forked as well: `tuneloop deploy` starts `prefect deploy`.
    sys.executable = str(Path(sys.argv[1]).with_name(QUICK_PYTHON))
    prefect.context.refresh_global_settings_context()
    setup_logging(incremental=False)
    tuneloop.ledger.submission.PROCESS = uuid4().hex
    if run := environment.get("PREFECT__FLOW_RUN_ID"):
        pid_file(Path(environment["PREFECT_HOME"]), run).write_text(str(os.getpid()))


def _outcome_of(module: str, arguments: list[str]) -> int:
    """Run a module to the end of its last thread. Returns the exit code."""
    sys.modules.pop(module, None)
    sys.argv = [module, *arguments]
    code = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as leave:
        code = _exit_code(leave.code)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        code = 1
    ending: Any = threading
    ending._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(ValueError):  # a module may close them
            stream.flush()
    return code


def _exit_code(given: str | int | None) -> int:
    if isinstance(given, str):
        sys.stderr.write(f"{given}\n")
        return 1
    return int(given or 0)  # True is 1


def pid_file(prefect_home: Path, flow_run: str) -> Path:
    """Where the process id of a flow run is written, as a forked process shows its environment to nobody."""
    return prefect_home / f"{flow_run}.pid"


if __name__ == "__main__":
    fork_for_each_connection(sys.argv[1], run_module, "flows", "blocks", "tuneloop.cli")
