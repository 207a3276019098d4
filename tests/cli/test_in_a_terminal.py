"""In a terminal of 80 or 120 columns no word and no address is cut, and nobody else has a word to say."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.cli.test_json import commands
from tests.waiting import LIMIT_S
from tuneloop.cli.app import app
from tuneloop.cli.terminal import print_text, shown

WIDTHS = (80, 120)
ADDRESS = f"file:///srv/{'a-long-name/' * 14}report.html"


def in_a_terminal(folder: Path, columns: int, *arguments: str, typed: bytes = b"", **environment: str) -> str:
    """Run a command as a person does who has just logged in. Returns what the terminal was sent."""
    theirs = ("PREFECT_", "TUNELOOP_", "CI", "GITHUB_", "COLUMNS", "DO_NOT_TRACK")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "tuneloop.cli.app", *arguments],
        env={**kept, "HOME": str(folder), "TERM": "dumb", "PYTHONPATH": os.getcwd(), **environment},  # noqa: PTH109
        cwd=folder, stdin=its, stdout=its, stderr=its, start_new_session=True,
    )  # fmt: skip
    os.close(its)
    os.write(ours, typed)
    sent = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            while piece := terminal.read(4096):
                sent += piece
        except OSError:  # how Linux says that the other end is closed
            pass
    process.wait(LIMIT_S)
    return sent.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("command", ["", *commands()])
def test_help_fits_and_names_every_option_whole(command: str, columns: int) -> None:
    shown_help = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": str(columns)}).output
    assert max(map(len, shown_help.splitlines())) <= columns
    for option in commands().get(command, {}):
        if option.startswith("--"):
            assert f" {option} " in shown_help
    assert "bool>" not in shown_help


@pytest.mark.parametrize("columns", WIDTHS)
def test_lines_are_wrapped_at_spaces_and_an_address_stays_whole(columns: int) -> None:
    text = f"The store is driven by another server, and two would pay twice: see {ADDRESS} and stop one first."
    console = Console(file=io.StringIO(), force_terminal=True, width=columns, color_system=None)
    print_text(console, shown(text))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert ADDRESS in lines
    assert all(len(line) <= columns for line in lines if line != ADDRESS)
    assert " ".join(lines).split() == text.split()


def test_line_in_a_pipe_stays_one_line() -> None:
    console = Console(file=io.StringIO(), width=80)
    print_text(console, shown("a word " * 40))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count("\n") == 1


def test_command_that_speaks_to_prefect_shows_its_own_words_alone(tmp_path: Path) -> None:
    server = "http://127.0.0.1:9/api"
    said = in_a_terminal(tmp_path, 80, "automations", PREFECT_API_URL=server, PREFECT_CLIENT_MAX_RETRIES="0")
    assert said.startswith("tuneloop: the Prefect server at 127.0.0.1:9 does not answer")
    assert " ".join(said.split()).endswith("start it, or correct PREFECT_API_URL")
    assert max(map(len, said.splitlines())) <= 80
