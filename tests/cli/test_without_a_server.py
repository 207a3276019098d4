"""No Prefect server is named, or one that may not be used: commands say so at once, and start or write nothing."""

from __future__ import annotations

import socket
from contextlib import chdir
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from tests.cli.commands import in_an_empty_home, in_this_process
from tests.cli.test_json import commands

NEEDING_PREFECT = {
    "deploy": ["deploy"],
    "automations": ["automations"],
    "webhooks": ["webhooks"],
    "webhooks --print-urls": ["webhooks", "--print-urls"],
    "plan": ["plan", "model.yaml"],
    "status": ["status"],
    "metrics": ["metrics"],
    "doctor": ["doctor"],
    "adopt": ["adopt", "robot", "--job-id", "3"],
    "models": ["models"],
    "rollback": ["rollback", "robot", "--version", "1", "--reason", "worse"],
    "review": ["review", "robot", "--approve", "--reason", "better"],
    "pull": ["pull", "robot"],
    "generate": ["generate", "robot", "a photo"],
    "reports": ["reports"],
    "run": ["run", "robot"],
    "compare": ["compare", "model.yaml"],
    "store init": ["store", "init", "s3-bucket/x"],
    "store move": ["store", "move", "s3-bucket/x"],
}
NEEDING_NONE = {"check", "demo", "emulator", "init", "up"}
CAN_DO_WITHOUT = {"metrics", "models", "pull", "reports", "status"}


@pytest.mark.parametrize("command", NEEDING_PREFECT)
def test_command_says_in_one_line_that_no_server_is_named_and_writes_nothing(command: str, tmp_path: Path) -> None:
    (tmp_path / "model.yaml").touch()
    done = in_an_empty_home(tmp_path, *NEEDING_PREFECT[command])
    assert done.returncode == 2
    instead = "; or name the store by its address, such as --store file:///folder"
    assert done.stderr == (
        "tuneloop: PREFECT_API_URL is not set, so there is no Prefect server to speak to. Run `tuneloop "
        "up` in the folder of a project, or `prefect server start` and then `prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api`"
        + (instead if command in CAN_DO_WITHOUT else "")
        + "\n"
    )
    # Importing Prefect alone takes a second, and makes a folder.
    assert done.stdout == "prefect imported: False\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "model.yaml"]


def test_every_command_is_among_these() -> None:
    assert NEEDING_PREFECT.keys() - {"webhooks --print-urls"} == commands().keys() - NEEDING_NONE


@pytest.mark.parametrize("command", [*NEEDING_PREFECT.values(), ["init", "robots", "--yes", "--key", "k"], ["up"]])
def test_server_at_a_plain_address_of_another_machine_is_refused_before_anything_is_sent(
    command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "model.yaml").touch()
    settings = {PREFECT_API_URL: "http://prefect.example:4200/api", PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(updates=settings), chdir(tmp_path):
        done = in_this_process(*command, PREFECT_API_URL="http://prefect.example:4200/api")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tuneloop: the Prefect server is at http://prefect.example, so anyone ")
    assert list(tmp_path.iterdir()) == [tmp_path / "model.yaml"]


def test_profile_without_a_server_counts_as_none(tmp_path: Path) -> None:
    home = tmp_path / ".prefect"
    home.mkdir()
    (home / "profiles.toml").write_text('active = "mine"\n[profiles.mine]\nPREFECT_LOGGING_LEVEL = "INFO"\n')
    done = in_an_empty_home(tmp_path, "status")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "PREFECT_API_URL is not set" in done.stderr
    assert not (home / "prefect.db").exists(), "a temporary server was started"


@pytest.mark.parametrize("place", ["environment", "profile", ".env", "prefect.toml", "pyproject.toml"])
def test_server_is_found_wherever_prefect_finds_it(place: str, tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # nobody listens there
        server = f"http://127.0.0.1:{held.getsockname()[1]}/api"
        (tmp_path / ".prefect").mkdir()
        profile = f'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "{server}"\n'
        files = {
            "profile": (".prefect/profiles.toml", profile),
            ".env": (".env", f"PREFECT_API_URL={server}\n"),
            "prefect.toml": ("prefect.toml", f'[api]\nurl = "{server}"\n'),
            "pyproject.toml": ("pyproject.toml", f'[tool.prefect.api]\nurl = "{server}"\n'),
        }
        if place in files:
            name, text = files[place]
            (tmp_path / name).write_text(text)
        named = {"PREFECT_API_URL": server} if place == "environment" else {}
        done = in_an_empty_home(tmp_path, "automations", PREFECT_CLIENT_MAX_RETRIES="0", **named)
    assert done.returncode == 3
    assert done.stderr.startswith(f"tuneloop: the Prefect server at 127.0.0.1:{server[17:-4]} does not answer (")
    assert done.stderr.endswith("; start it, or correct PREFECT_API_URL\n")
    assert done.stderr.count("\n") == 1


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = in_an_empty_home(tmp_path, "plan", "nope.yaml")
    assert (done.returncode, done.stderr) == (2, "tuneloop: there is no file nope.yaml\n")
