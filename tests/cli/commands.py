"""Runs `tuneloop`: as a program of its own, in a home and a folder where there is nothing, or in this process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from prefect.events.worker import EventsWorker

from tests.waiting import LIMIT_S
from tuneloop.cli.app import main

TELLS_OF_PREFECT = """
import sys
from tuneloop.cli.app import main
try:
    main()
finally:
    print("prefect imported:", "prefect" in sys.modules)
"""


def in_an_empty_home(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command; its last line says whether Prefect was imported.

    Args:
        folder: Home and current folder.
        *arguments: The command.
        **environment: What is set beside.
    """
    theirs = ("PREFECT_", "TUNELOOP_", "AWS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    root = str(Path(__file__).parent.parent.parent)
    return subprocess.run(
        [sys.executable, "-c", TELLS_OF_PREFECT, *arguments],
        env={**kept, "HOME": str(folder), "PYTHONPATH": root, "COLUMNS": "200", **environment},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


def in_this_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command where a process of its own would prove nothing more."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["tuneloop", *arguments])
        # A command waits until its events are sent; those of other tests may be for a server that is gone.
        patch.setattr(EventsWorker, "_instances", {})
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            main()
        except SystemExit as leave:
            code = int(leave.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
