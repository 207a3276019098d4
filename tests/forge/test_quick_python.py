"""A forked process is one like any other: whatever a test proves with it holds for `python -m` too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.forge.modules import pid_file
from tests.forge.running import running_forge
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    with running_forge(tmp_path_factory.mktemp("forge"), dict(os.environ)) as python:
        yield [str(python)]


def probed(python: list[str], folder: Path) -> tuple[int, str, str]:
    environment = {
        **os.environ,
        "OF_THE_TEST": "äöü",
        "PYTHONPATH": str(ROOT),
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
        "PREFECT_LOGGING_LEVEL": "ERROR",
    }
    command = [*python, "-m", "tests.forge.probe", "3"]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_forked_process_has_the_surroundings_and_the_end_of_a_fresh_one(quick: list[str], tmp_path: Path) -> None:
    said = probed(quick, tmp_path)
    assert said == probed([sys.executable], tmp_path)
    assert said[0] == 3
    assert said[1].endswith("from a thread that outlives the main one\nat the very end\n")


def test_kill_of_the_process_ends_its_starter_the_same_way(quick: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path), "PREFECT__FLOW_RUN_ID": "a-run"}
    command = [*quick, "-m", "http.server", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as starter:
        wait_until("it runs", pid_file(tmp_path, "a-run").exists)
        psutil.Process(int(pid_file(tmp_path, "a-run").read_text())).kill()
    assert starter.returncode == -signal.SIGKILL
