"""What `tuneloop init` asks, and what it makes where nobody names anything."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from tests.cli.commands import in_an_empty_home
from tests.cli.test_in_a_terminal import in_a_terminal
from tests.waiting import LIMIT_S, wait_until
from tuneloop.cli.app import app
from tuneloop.cli.init import Given, init_project
from tuneloop.providers.registry import TRAINERS, row_of

NOTHING = Given(
    images=None, trigger_word=None, trainer=None, key=None, block=None, schedule=None, model=None, base_url=None
)


def test_trainer_that_nobody_has_named_takes_new_trainings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(tmp_path / "profiles.toml"))
    init_project(tmp_path / "robots", NOTHING, ask=False)
    file = yaml.safe_load((tmp_path / "robots" / "deployments" / "robots.yaml").read_text())
    trainer = file["deployments"][0]["parameters"]["recipe"]["trainer"]
    assert row_of(TRAINERS[trainer].provider).client.capabilities.is_open
    assert "takes no new trainings" not in capsys.readouterr().out


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own, and no Prefect server."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(tmp_path / "profiles.toml"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_answer_that_cannot_be_used_is_asked_for_again_and_the_others_stand(alone: Path) -> None:
    typed = ["flux", "fal-klein-lora", "nowhere", "", "ROBOX", "k\u00e9y", "key", "sometimes", "weekly"]
    done = CliRunner().invoke(app, ["init", "robots"], input="\n".join([*typed, ""]))
    assert done.exit_code == 0, done.output
    for wrong in ("flux is not known", "there is no nowhere", "U+00E9", "cron of five fields"):
        assert wrong in " ".join(done.output.split())
    entry: dict[str, Any] = yaml.safe_load((alone / "robots/deployments/robots.yaml").read_text())["deployments"][
        0
    ]
    assert entry["parameters"]["recipe"]["trainer"] == "fal-klein-lora"
    assert entry["parameters"]["recipe"]["trigger_word"] == "ROBOX"
    assert entry["schedules"][0]["slug"] == "weekly"
    assert (alone / "robots/.tuneloop/key.json").is_file()


def test_questions_fit_a_terminal_of_80_columns(tmp_path: Path) -> None:
    said = in_a_terminal(tmp_path, 80, "init", "robots", "--key", "k", typed=b"\n" * 4)
    assert "Trainer [fal-flux-lora]: " in said
    assert "tuneloop run robots" in said
    # What was typed ahead is echoed before the questions, and so ends none of their lines.
    assert max(map(len, said.replace("]: ", "]: \n").splitlines())) <= 80


def test_question_that_nobody_answers_says_how_to_ask_nothing(tmp_path: Path) -> None:
    done = in_an_empty_home(tmp_path, "init", "robots")
    assert done.returncode == 2
    assert done.stderr.endswith(
        "tuneloop: standard input has ended; answer by options, or take the defaults with --yes\n"
    )
    assert not (tmp_path / "robots").exists()


def test_ctrl_c_at_a_question_ends_as_everywhere_and_writes_nothing(tmp_path: Path) -> None:
    said = tmp_path / "said"
    with said.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "tuneloop.cli.app", "init", str(tmp_path / "robots")],
            stdin=subprocess.PIPE, stdout=output, stderr=output,
        )  # fmt: skip
    with process:
        wait_until("the first question", lambda: "Trainer [" in said.read_text(), seen=said.read_text)
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 130
    assert not (tmp_path / "robots").exists()
