"""From an installed package to a promoted model: init, up, run, in a folder of one's own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.waiting import LIMIT_S, wait_until
from tuneloop.demo.samples import copy_samples
from tuneloop.emulator import EmulatorControl, Progress, running_emulator
from tuneloop.project.home import HOME, own_reports, own_server

README = Path(__file__).parent.parent.parent / "README.md"
ADDED_STEP = "    print(f'{model}: a step of my own')\n"


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator("segmind", tmp_path / "emulator", progress=Progress.after_seconds(5)) as control:
        yield control


class Newcomer:
    """Somebody who has installed Tuneloop, with a home and a folder of their own."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.python, self.folder = python, folder
        self.project = folder / "robots"
        theirs = ("PREFECT_", "TUNELOOP_", "AWS_", "PYTHONPATH")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
        self.environment = {**kept, "HOME": str(folder), "COLUMNS": "80"}

    def tuneloop(self, *arguments: str, place: Path | None = None, **environment: str) -> str:
        """Run a command. Returns what it has printed."""
        done = subprocess.run(
            [str(self.python), "-m", "tuneloop.cli.app", *arguments],
            env={**self.environment, **environment},
            cwd=place or self.project,
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * LIMIT_S,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def command(self, *arguments: str) -> list[str]:
        return [str(self.python), "-u", "-m", "tuneloop.cli.app", *arguments]

    @property
    def place(self) -> dict[str, Any]:
        return {"env": self.environment, "cwd": self.project}

    def interrupted(self, *arguments: str) -> str:
        """Run a command and press Ctrl-C when it has started a run. Returns what it has printed."""
        said = self.folder / "interrupted.log"
        with said.open("w") as output:
            process = subprocess.Popen(self.command(*arguments), **self.place, stdout=output, stderr=output)
        with process:
            wait_until("the run is followed", lambda: "Waiting" in said.read_text(), seen=said.read_text)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=LIMIT_S) == 130
        return said.read_text()

    @contextmanager
    def up(self) -> Iterator[None]:
        """`tuneloop up` while the block runs, ended as Ctrl-C does."""
        log = self.folder / "up.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                self.command("up"), **self.place, stdout=output, stderr=output, start_new_session=True
            )
        try:

            def is_up() -> bool:
                assert process.poll() is None, log.read_text()
                return "Everything runs." in log.read_text()

            wait_until("`tuneloop up` says that everything runs", is_up, seen=log.read_text)
            started = psutil.Process(process.pid).children(recursive=True)
            yield
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=LIMIT_S) == 0, log.read_text()
            assert not [child for child in started if child.is_running()]
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


@pytest.mark.long
def test_init_up_run_promote_a_first_model_with_a_step_of_ones_own(
    installed: Path, emulator: EmulatorControl, tmp_path: Path
) -> None:
    me = Newcomer(installed, tmp_path)
    copy_samples(tmp_path / "pictures")
    answers = (
        "--trainer",
        "flux-lora",
        "--images",
        "pictures",
        "--trigger-word",
        "ROBOX",
        "--base-url",
        emulator.url,
        "--schedule",
        "never",
    )
    said = me.tuneloop("init", "robots", "--yes", *answers, place=tmp_path, TUNELOOP_API_KEY=emulator.api_key)
    assert "segmind takes no new trainings (its documentation calls fine-tuning deprecated" in said
    flow = me.project / "flows" / "retrain_model.py"
    begin = "    ctx = open_context("
    flow.write_text(flow.read_text().replace(begin, ADDED_STEP + begin))
    with me.up():
        assert own_server(me.project) is not None
        assert "robots: train" in me.tuneloop("plan", "deployments/robots.yaml")
        assert "nothing was written or sent" in me.tuneloop("run", "robots", "--dry-run")
        assert not emulator.billing()
        said = me.tuneloop("run", "robots")
        assert "Promoted" in said
        again = me.tuneloop("run", "robots")
        assert "nothing" in again.lower()
        assert "robots" in me.tuneloop("models")
        assert "still missing" not in me.tuneloop("deploy")
        typo = subprocess.run(me.command("run", "robot"), **me.place, capture_output=True, text=True, check=False)
        assert (typo.returncode, typo.stderr) == (
            2,
            "tuneloop: there is no deployment robot; did you mean robots?\n",
        )
        assert "The run goes on: http://127.0.0.1:" in me.interrupted("run", "robots")
        served = own_reports(me.project)
        assert f" UTC: {served}/models/robots/reports/" in me.tuneloop("reports")
    assert [entry.kind for entry in emulator.billing()].count("training") == 1
    assert own_server(me.project) is None
    assert emulator.api_key not in (tmp_path / "up.log").read_text()
    assert not (me.project / HOME / "key.json").exists()
    assert "a step of my own" in "".join(
        log.read_text() for log in (me.project / HOME / "logs").glob("worker.log")
    )


def test_readme_names_the_same_commands() -> None:
    section = README.read_text(encoding="utf-8").partition("## Your own model")[2].partition("\n## ")[0]
    assert re.findall(r"```sh\n(.*?)```", section, re.DOTALL) == [
        "pip install .\ntuneloop init robots\ncd robots\ntuneloop up\n",
        "cd robots\ntuneloop plan deployments/robots.yaml\ntuneloop run robots\n",
    ]


def test_init_leaves_a_folder_alone_that_has_flows_of_its_own(installed: Path, tmp_path: Path) -> None:
    me = Newcomer(installed, tmp_path)
    mine = me.project / "flows" / "retrain_model.py"
    mine.parent.mkdir(parents=True)
    mine.write_text("# mine\n")
    done = subprocess.run(
        [str(installed), "-m", "tuneloop.cli.app", "init", "robots", "--yes"],
        env=me.environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "has flows/retrain_model.py already" in done.stderr) == (2, True)
    assert [path for path in me.project.rglob("*") if path.is_file()] == [mine]


def test_init_rejects_what_no_run_could_use_and_writes_nothing(installed: Path, tmp_path: Path) -> None:
    me = Newcomer(installed, tmp_path)
    for wrong, word in (
        (("--images", "nowhere"), "there is no nowhere"),
        (("--trainer", "sdxl"), "sdxl is not known"),
        (("--schedule", "sometimes"), "cron of five fields"),
        (("--block", "aws-credentials/x"), "name a block"),
        (("--model", "Böse"), "cannot be a name"),
    ):
        done = subprocess.run(
            [str(installed), "-m", "tuneloop.cli.app", "init", "robots", "--yes", *wrong],
            env=me.environment, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert word in done.stderr
        assert not (me.project / "prefect.yaml").exists()
