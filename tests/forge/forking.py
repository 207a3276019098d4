"""Makes processes in milliseconds: a program that has imported everything, and forks on demand.

A process that is started anew imports for seconds. A forge never runs anything itself and has no threads, so its
children are as good as fresh ones.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from PIL import Image
from prefect.logging.configuration import setup_logging

Child: TypeAlias = Callable[[socket.socket], NoReturn]
"""The life of a child, with a connection to whoever has asked for it."""

BACKLOG = 256
_MET_LATER = (
    "anyio._backends._asyncio",
    "anyio.streams.tls",
    "prefect.cli.deploy",
    "prefect.concurrency._sync",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "rich._emoji_codes",
)
"""Modules that a run would import by and by."""


def fork_for_each_connection(address: str, child: Child, *packages: str) -> NoReturn:
    """Import all of some packages, then fork a child for each connection to a socket, for ever."""
    for package in packages:
        _import_all_of(package)
    _get_ready()
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise RuntimeError("the forge has threads: a fork would copy their locks and not them")
    # What is there already is never garbage; looking for some would copy all of it into every child.
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(BACKLOG)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            child(connection)
        connection.close()
        _reap()


def _import_all_of(package: str) -> None:
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        importlib.import_module(module.name)


def _get_ready() -> None:
    """Do once what every child would do at its beginning."""
    for name in _MET_LATER:
        importlib.import_module(name)
    Image.init()
    # Reading the certificates takes longer than anything else at the start of a run; all addresses here are http.
    context = ssl.create_default_context()
    ready: Any = ssl
    ready.create_default_context = lambda *_, **__: context
    setup_logging()


def _reap() -> None:
    """Let the children that have ended go; the last few stay until the next one comes."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
