"""What the units for systemd run, in a project of an installed Tuneloop. systemd itself takes no part."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.deployments.places import FOLDER, unit
from tests.waiting import relying_on, wait_until
from tuneloop.local_server.processes import end_trees, free_port, listens, responds

SLOW_FLOW = """
from pathlib import Path
from time import sleep
from prefect import flow

@flow
def slow_flow(folder: str) -> None:
    Path(folder, "begun").touch()
    while True:
        sleep(0.1)
"""
SLOW_DEPLOYMENT = """
deployments:
  - name: slow
    entrypoint: flows/slow_flow.py:slow_flow
    work_pool: {name: tuneloop}
    parameters: {folder: FOLDER}
"""


class Machine:
    """A folder in place of a machine: its /opt/tuneloop, its /var/lib/tuneloop and its ports."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        self.home, self.state = folder / "home", folder / "state"
        self.ports = {name: free_port() for name in ("server", "reports", "webhooks")}
        self.api = f"http://127.0.0.1:{self.ports['server']}/api"
        self.started: dict[str, subprocess.Popen[bytes]] = {}
        programs = self.home / ".venv" / "bin"
        programs.mkdir(parents=True)
        self.state.mkdir()
        for name, module in (("prefect", "prefect"), ("tuneloop", "tuneloop.cli.app")):
            (programs / name).write_text(f'#!/bin/sh\nexec {python} -m {module} "$@"\n')
            (programs / name).chmod(0o755)

    def placed(self, text: str) -> str:
        """A line of a unit, for this machine."""
        text = text.replace("/opt/tuneloop", str(self.home)).replace("/var/lib/tuneloop", str(self.state))
        return text.replace("4200", str(self.ports["server"]))

    def environment(self, name: str) -> dict[str, str]:
        lines = unit(FOLDER / "systemd" / f"tuneloop-{name}.service")["Service"]["Environment"]
        own = {name: value for name, _, value in (self.placed(line).partition("=") for line in lines)}
        return {"PATH": os.defpath, "HOME": str(self.state), "TMPDIR": str(self.folder), **own}

    def start(self, name: str) -> None:
        """What systemd does to start a unit."""
        service = unit(FOLDER / "systemd" / f"tuneloop-{name}.service")["Service"]
        words = shlex.split(self.placed(service["ExecStart"][0]))
        if name in ("reports", "webhooks"):
            words += ["--port", str(self.ports[name])]
        with self.log(name).open("wb") as log:
            self.started[name] = subprocess.Popen(
                words, cwd=self.home, env=self.environment(name), stdout=log, stderr=log, start_new_session=True
            )

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def stop(self, name: str) -> None:
        """What systemd does to stop a unit."""
        service = unit(FOLDER / "systemd" / f"tuneloop-{name}.service")["Service"]
        main = self.started[name]
        for line in service["ExecStop"]:
            subprocess.run(shlex.split(line.replace("${MAINPID}", str(main.pid))), check=True)
        assert service["KillMode"] == ["mixed"]
        main.send_signal(signal.Signals[service["KillSignal"][0]])
        main.wait(timeout=float(service["TimeoutStopSec"][0]))

    def tuneloop(self, *arguments: str, **more: str) -> str:
        """A command of the docs. Returns what it has printed."""
        done = subprocess.run(
            [self.home / ".venv" / "bin" / "tuneloop", *arguments],
            cwd=self.home,
            env={**self.environment("worker"), **more},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def machine(installed: Path, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, installed)
    try:
        with relying_on(logs=tmp_path):
            yield made
    finally:
        end_trees([psutil.Process(each.pid) for each in made.started.values() if each.poll() is None])


@pytest.mark.long
def test_units_run_a_project_of_an_installed_tuneloop_and_runs_crash_at_once_with_their_worker(
    machine: Machine,
) -> None:
    machine.start("server")
    wait_until("the server answers", lambda: responds(f"{machine.api}/health"))
    machine.tuneloop("init", ".", "--yes", "--schedule", "never", TUNELOOP_API_KEY="key-of-an-account")
    (machine.home / "flows" / "slow_flow.py").write_text(SLOW_FLOW)
    deployment = SLOW_DEPLOYMENT.replace("FOLDER", str(machine.folder))
    (machine.home / "deployments" / "slow.yaml").write_text(deployment)
    machine.tuneloop("deploy")
    for name in ("worker", "reports", "webhooks"):
        machine.start(name)
    for name in ("reports", "webhooks"):
        wait_until(f"{name} listens", lambda name=name: listens(f"http://127.0.0.1:{machine.ports[name]}"))  # type: ignore[misc]
    with temporary_settings(updates={PREFECT_API_URL: machine.api}), get_client(sync_client=True) as client:
        found = client.read_deployment_by_name("slow-flow/slow")
        run = client.create_flow_run_from_deployment(found.id).id
        wait_until("the run is in progress", (machine.folder / "begun").exists)
        machine.stop("worker")
        state = client.read_flow_run(run).state
    assert state is not None
    assert state.is_crashed()
