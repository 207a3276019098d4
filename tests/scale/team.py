"""A team's installation on this machine: what compose.yaml starts in containers, started as programs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from benchmarks.data.ceph_gateway import Gateway, ceph_gateway
from tests.scale.daemon import Daemon
from tests.scale.postgresql import Database, postgresql
from tests.scale.redis_server import redis_server
from tuneloop.emulator import EmulatorControl
from tuneloop.local_server.processes import Processes, clean_environment, free_port, responds
from tuneloop.local_server.programs import environment_of, server_environment
from tuneloop.orchestration.deploy import WORK_POOL

STORE = "s3-bucket/tuneloop"
SETTINGS = Path("deployments/team/server.env")
WORKERS = ("worker-1", "worker-2")
_RUNS_AT_ONCE = 4
"""Of one worker: more would only wait for a processor."""
_HEARTBEAT_S = 30
"""The shortest that Prefect takes."""


@dataclass
class Team:
    """Everything that runs.

    Attributes:
        folder: All that is kept.
        server_url: The Prefect server.
        store: The gateway that the artifact store is on.
        emulators: Controls of each provider, by its name.
        ended_by_themselves: Names of programs that had to be started again though nobody had killed them.
    """

    folder: Path
    server_url: str
    store: Gateway
    emulators: dict[str, EmulatorControl]
    ended_by_themselves: list[str] = field(default_factory=list)
    _daemons: dict[str, Daemon] = field(default_factory=dict)
    _arguments: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _processes: dict[str, Processes] = field(default_factory=dict)
    _pids: dict[str, int] = field(default_factory=dict)

    def has(self, name: str, environment: dict[str, str], *arguments: str) -> None:
        """Let a program belong to the installation, and start it."""
        # Each is looked after by itself: that one has ended is no reason to give up the others.
        self._processes[name] = Processes(self.folder / "logs", environment)
        self._arguments[name] = arguments
        self.start(name)

    def end(self) -> None:
        """End all programs, the last one first."""
        while self._processes:
            self._processes.popitem()[1].end_all()

    def start(self, name: str) -> None:
        """Start a program, and wait until it responds where others cannot do without it."""
        if name in self._daemons:
            self._daemons[name].start()
            return
        self._pids[name] = self._processes[name].start(name, *self._arguments[name])
        if name == "server":
            self.wait_for(name, f"{self.server_url}/api/health")

    def wait_for(self, name: str, url: str) -> None:
        """Wait until a program responds. Raises `ProgramFailed` where it does not."""
        self._processes[name].wait_until(name, lambda: responds(url))

    def kill(self, name: str) -> None:
        """Kill a program with all that it has started, as a container or a unit of systemd ends."""
        if name in self._daemons:
            self._daemons[name].kill()
            return
        root = psutil.Process(self._pids[name])
        tree = [*root.children(recursive=True), root]
        for process in reversed(tree):  # itself first, so that it starts nothing more
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._processes[name].end(name, kill=True)
        del self._pids[name]

    def keep_running(self) -> None:
        """Start again what has ended by itself, as systemd and Kubernetes do."""
        for name in list(self._pids):
            if self._processes[name].has_ended(name):
                self.ended_by_themselves.append(name)
                self.start(name)


@contextmanager
def running_team(folder: Path, providers: tuple[str, ...]) -> Iterator[Team]:
    """Start everything but the workers below an empty folder, and end it all afterwards.

    Prefect's own functions speak to its server meanwhile.

    Raises:
        ProgramFailed: Something of ours did not start.
        DaemonFailed: PostgreSQL or Redis did not start.
        GatewayFailed: The store did not start.
        NotToBeHad: A package could not be got.
    """
    logs, server_url = folder / "logs", f"http://127.0.0.1:{free_port()}"
    logs.mkdir()
    (folder / "s3").mkdir()
    with ExitStack() as ends:
        store = ends.enter_context(ceph_gateway(folder / "s3"))
        database_server, database = ends.enter_context(postgresql(folder / "postgresql", logs))
        redis, redis_port = ends.enter_context(redis_server(folder / "redis", logs))
        emulators = {name: EmulatorControl(f"http://127.0.0.1:{free_port()}") for name in providers}
        daemons = {"postgresql": database_server, "redis": redis}
        team = Team(folder, server_url, store, emulators, _daemons=daemons)
        ends.callback(team.end)
        serving = _environment(folder / "server", server_url, database, redis_port)
        for name, control in emulators.items():
            port = control.url.rpartition(":")[2]
            kept = str(folder / name)
            team.has(
                name, serving,
                "tuneloop.cli.app", "emulator", "--provider", name, "--port", port, "--folder", kept,
            )  # fmt: skip
        _make_tables(serving, logs / "database.log")
        port = server_url.rpartition(":")[2]
        team.has(
            "server", serving,
            "prefect", "server", "start", "--no-services", "--host", "127.0.0.1", "--port", port,
        )  # fmt: skip
        team.has("services", serving, "prefect", "server", "services", "start")
        for name, control in emulators.items():
            team.wait_for(name, f"{control.url}/_emulator/health")
        updates = {PREFECT_API_URL: f"{server_url}/api", PREFECT_HOME: folder / "here"}
        ends.enter_context(temporary_settings(updates=updates))
        here = clean_environment(server_environment(folder / "here", server_url) | {"TUNELOOP_STORE": STORE})
        ends.enter_context(environment_of(here))
        yield team


def start_workers(team: Team) -> None:
    """Start the workers, each with a home and a temporary folder of its own as on a machine of its own."""
    for name in WORKERS:
        of_its_own = server_environment(team.folder / name, team.server_url)
        environment = of_its_own | {
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(_HEARTBEAT_S),
            "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
        }
        team.has(
            name, clean_environment(environment),
            "prefect", "worker", "start", "--pool", WORK_POOL, "--type", "process", "--name", name,
            "--limit", str(_RUNS_AT_ONCE),
        )  # fmt: skip


def _environment(home: Path, server_url: str, database: Database, redis_port: int) -> dict[str, str]:
    """What is shipped for a team's server, at the addresses of this machine."""
    lines = SETTINGS.read_text(encoding="utf-8").splitlines()
    shipped = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    here = {
        "PREFECT_SERVER_DATABASE_HOST": "127.0.0.1",
        "PREFECT_SERVER_DATABASE_PORT": str(database.port),
        "PREFECT_SERVER_DATABASE_PASSWORD": database.password,
        "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
        "PREFECT_REDIS_MESSAGING_PORT": str(redis_port),
        "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_HOST": "127.0.0.1",
        "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_PORT": str(redis_port),
        "PREFECT_SERVER_DOCKET_URL": f"redis://127.0.0.1:{redis_port}/1",
    }
    unknown = here.keys() - shipped.keys() - {"PREFECT_SERVER_DATABASE_PASSWORD"}
    assert not unknown, f"{SETTINGS} has no {', '.join(sorted(unknown))}"
    return clean_environment(server_environment(home, server_url) | shipped | here)


def _make_tables(environment: dict[str, str], log: Path) -> None:
    with log.open("wb") as output:
        subprocess.run(
            [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"],
            env=environment, stdout=output, stderr=output, check=True, timeout=180,
        )  # fmt: skip
