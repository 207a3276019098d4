"""Makes processes for flow runs in milliseconds: it has imported everything, and forks on demand.

A process that is started anew imports for two seconds. This one never runs a flow itself and has no threads, so
its children are as good as fresh ones. Run as `python -m tests.crash.forge SOCKET`.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import socket
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image
from prefect.logging.configuration import setup_logging
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

import flows
from tests.crash.bound import die_with_parent

BACKLOG = 256
_MET_LATER = (
    "anyio._backends._asyncio",
    "anyio.streams.tls",
    "prefect.concurrency._sync",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "rich._emoji_codes",
)
"""Modules that a run would import by and by."""


def main(address: str) -> None:
    """Fork a process for each connection, for ever."""
    # Imported here and for the side effect: a child that imports is a slow child.
    from tests.crash import flow_process  # noqa: PLC0415

    for module in pkgutil.iter_modules(flows.__path__, "flows."):
        importlib.import_module(module.name)
    for name in _MET_LATER:
        importlib.import_module(name)
    Image.init()
    # Reading the certificates takes longer than anything else at the start of a run; all addresses here are http.
    context = ssl.create_default_context()
    ready: Any = ssl
    ready.create_default_context = lambda *_, **__: context
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise RuntimeError("the forge has threads: a fork would copy their locks and not them")
    setup_logging()
    # What is there already is never garbage; looking for some would copy all of it into every child.
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(BACKLOG)
    # A heartbeat is a thread, for which a run waits a second at its end.
    with temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        while True:
            connection, _ = listener.accept()
            parent = os.getpid()
            if os.fork() == 0:
                listener.close()
                die_with_parent(parent)
                order = json.loads(connection.makefile().readline())
                gc.disable()  # no run lives long enough for it
                flow_process.run(connection, order)
            connection.close()
            _reap()


def _reap() -> None:
    """Let the children that have ended go; the last few stay until the next one comes."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


if __name__ == "__main__":
    main(sys.argv[1])
