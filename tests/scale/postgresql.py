"""A real PostgreSQL server on this machine, from the machine's own packages or unpacked ones."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from benchmarks.debian_packages import NotToBeHad, environment_of, unpacked
from tests.scale.daemon import Daemon, done, folder_of_its_own
from tuneloop.local_server.processes import free_port

_USER = "prefect"
_PLACES = "usr/lib/postgresql/*/bin"


@dataclass(frozen=True)
class Database:
    """A running server.

    Attributes:
        port: Its port on 127.0.0.1.
        user: Its owner.
        password: The owner's password.
        name: An empty database.
    """

    port: int
    user: str
    password: str
    name: str


@contextmanager
def postgresql(folder: Path, logs: Path) -> Iterator[tuple[Daemon, Database]]:
    """Start a server in a new folder, and kill it afterwards. Yields it, and where it is reached.

    Raises:
        DaemonFailed: It did not start.
        NotToBeHad: Its packages could not be got.
    """
    programs, environment = _programs()
    folder_of_its_own(folder)
    port, password = free_port(), secrets.token_hex(16)
    data = folder / "data"
    done(
        [
            "sh", "-c", f'umask 077; cat > password; exec "{programs}/initdb" "$@"', "initdb",
            "--pgdata", str(data), "--username", _USER, "--pwfile", "password",
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C",
        ],
        folder, environment, f"{password}\n",
    )  # fmt: skip
    alone = [f"{programs}/postgres", "--single", "-D", str(data), "postgres"]
    done(alone, folder, environment, "CREATE DATABASE prefect\n")
    server = Daemon(
        [
            f"{programs}/postgres", "-D", str(data), "-p", str(port),
            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
        ],
        folder, logs / "postgresql.log", environment, lambda: _responds(port, password),
    )  # fmt: skip
    try:
        server.start()
        yield server, Database(port, _USER, password, "prefect")
    finally:
        server.kill()


def _programs() -> tuple[Path, dict[str, str]]:
    """The folder of its programs, and the environment that they need."""
    if installed := sorted(Path("/").glob(f"{_PLACES}/initdb")):
        return installed[-1].parent, dict(os.environ)
    root = unpacked("postgresql", "postgresql")
    if found := sorted(root.glob(f"{_PLACES}/initdb")):
        return found[-1].parent, environment_of(root)
    raise NotToBeHad(f"the package postgresql holds no program initdb; remove {root} and try again")


def _responds(port: int, password: str) -> bool:
    async def connect() -> None:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=port, user=_USER, password=password, database="prefect", timeout=5
        )
        await connection.close()

    try:
        asyncio.run(connect())
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    return True
