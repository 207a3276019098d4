"""README's way to a first real schedule, followed word for word in a fresh copy of the checkout."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.events.worker import EventsWorker
from prefect.filesystems import LocalFileSystem
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from blocks.segmind_credentials import SegmindCredentials
from tuneloop.demo.samples import copy_samples
from tuneloop.emulator import EmulatorControl, Progress, running_emulator
from tuneloop.local_server.processes import Processes, clean_environment, free_port, responds

ROOT = Path(__file__).parent.parent.parent
SECTION = re.compile(r"## From here to a first real schedule\n(.*?)\n## ", re.DOTALL)
STAYING = {"server": "prefect server start", "worker": "prefect worker start"}
"""What stays up in a terminal of its own."""
FAILED = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.FAILED, StateType.CRASHED]))
NOT_CLONED = shutil.ignore_patterns(".*", "__pycache__", "screenshots")


class Reader:
    """Somebody who does what README says, at a free port instead of 4200."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.clone = folder / "tuneloop"
        shutil.copytree(ROOT, self.clone, ignore=NOT_CLONED)
        # In place of `make setup`, which fetches what is here already.
        (self.clone / ".venv").symlink_to(sys.prefix)
        (folder / "tmp").mkdir()
        self.environment = clean_environment(
            {
                "PREFECT_HOME": str(folder / "prefect"),
                "PREFECT_SERVER_API_PORT": str(self.port),
                "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
                "TMPDIR": str(folder / "tmp"),
                "PYTHONPATH": str(self.clone),
            }
        )
        self.programs = Processes(folder / "logs", self.environment)
        (self.section,) = SECTION.findall((self.clone / "README.md").read_text())

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def follow(self, step: int) -> list[str]:
        """Run every command of a step, in the order in which they stand there. Returns what each has said."""
        text = re.split(r"^\d\. ", self.section, flags=re.MULTILINE)[step]
        blocks = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
        commands = [line.strip() for line in blocks.splitlines() if line.strip()]
        return [self._run(command.replace("4200", str(self.port))) for command in commands]

    def _run(self, command: str) -> str:
        for name, begins in STAYING.items():
            if begins in command:
                self.programs.start(name, *shlex.split(command.removeprefix(".venv/bin/")))
                if name == "server":
                    self.programs.wait_until(name, lambda: responds(f"{self.api_url}/health"))
                return ""
        done = subprocess.run(
            ["bash", "-c", command],
            env=self.environment, cwd=self.clone, capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), command + done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path)
    try:
        with chdir(made.clone):
            yield made
    finally:
        made.programs.end_all()


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator("segmind", tmp_path / "emulator", progress=Progress.after_seconds(20)) as control:
        yield control


@pytest.mark.timeout(600)
def test_every_command_works_in_the_printed_order_and_the_first_night_goes_well(
    reader: Reader, emulator: EmulatorControl
) -> None:
    settings = {PREFECT_API_URL: reader.api_url, PREFECT_HOME: Path(reader.environment["PREFECT_HOME"])}
    first = reader.follow(1)
    assert "sensor is not deployed yet: block local-file-system/tuneloop not found" in "".join(first)
    with temporary_settings(updates=settings):
        save_blocks(reader, emulator)
        (second,) = reader.follow(2)
        assert "local-file-system/tuneloop: made store" in second
        assert "not deployed yet" not in second
        reader.follow(3)
        write_model(reader.clone)
        planned, deployed = reader.follow(4)
        assert "my-robot: train" in planned
        assert "deployed deployments/my-model.yaml: my-robot" in deployed
        with get_client(sync_client=True) as client:
            the_first_night(client, reader)
            assert not client.read_flow_runs(flow_run_filter=FlowRunFilter(state=FAILED))
        EventsWorker.drain_all()
    assert [entry.kind for entry in emulator.billing()].count("training") == 1


def save_blocks(reader: Reader, emulator: EmulatorControl) -> None:
    """What README says to do in the UI."""
    folder = reader.clone.parent / "artifacts"
    folder.mkdir()
    SegmindCredentials(api_key=emulator.api_key, base_url=emulator.url).save("default")
    LocalFileSystem(basepath=str(folder)).save("tuneloop")


def write_model(clone: Path) -> None:
    """What README says to change in the copied file."""
    file = clone / "deployments" / "my-model.yaml"
    text = file.read_text()
    assert text.count(": sample-robot\n") == 2, "the name is there twice"
    file.write_text(text.replace(": sample-robot\n", ": my-robot\n").replace("images/sample-robot", "my-robot"))
    copy_samples(clone / "my-robot")


def the_first_night(client: SyncPrefectClient, reader: Reader) -> None:
    """A run as the schedule starts it, at once: with the deployment's own parameters."""
    deployment = client.read_deployment_by_name("retrain-model/my-robot")
    assert [schedule.active for schedule in deployment.schedules] == [True]
    run = client.create_flow_run_from_deployment(deployment.id).id
    while (state := client.read_flow_run(run).state) is None or not state.is_final():
        reader.programs.check()
        time.sleep(1)
    assert (state.name, "promoted" in str(state.message)) == ("Completed", True), state.message
