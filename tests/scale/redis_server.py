"""A real Redis server on this machine, from the machine's own package or an unpacked one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from benchmarks.debian_packages import command
from tests.scale.daemon import Daemon, folder_of_its_own
from tuneloop.local_server.processes import free_port


@contextmanager
def redis_server(folder: Path, logs: Path) -> Iterator[tuple[Daemon, int]]:
    """Start a server that writes down what it is told, and kill it afterwards. Yields it, and its port.

    Raises:
        DaemonFailed: It did not start.
        NotToBeHad: Its package could not be got.
    """
    folder_of_its_own(folder)
    port = free_port()
    words = [
        *command("redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder),
        "--save", "", "--appendonly", "yes",
    ]  # fmt: skip
    server = Daemon(words, folder, logs / "redis.log", dict(os.environ), lambda: _responds(port))
    try:
        server.start()
        yield server, port
    finally:
        server.kill()


def _responds(port: int) -> bool:
    with redis.Redis(port=port, socket_timeout=2) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
