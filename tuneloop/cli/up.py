"""`tuneloop up`: a project's server, worker and deployments, in the foreground."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from tuneloop.cli.terminal import say
from tuneloop.local_server.programs import REPORTS
from tuneloop.local_server.up import running_project
from tuneloop.orchestration.deployment_files import deployment_files
from tuneloop.orchestration.server_address import send_no_events


def run_up(named_server: str | None) -> None:
    """Run the project in the current folder until Ctrl-C.

    Raises:
        ConfigurationError: It is no project, it runs already, or one of its files has a problem.
        ProgramFailed: The server or the worker did not start, or has ended by itself.
    """
    project = Path()
    models = [file.stem for file in deployment_files(project)[1:]]
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _as_interrupt)
    send_no_events()
    say("Starting. Ctrl-C ends everything.")
    with suppress(KeyboardInterrupt), running_project(project, named_server, say) as programs:
        say("Everything runs.")
        for model in models:
            say(f"Next, in another terminal in this folder: tuneloop run {model}")
        while True:
            programs.check(except_for=REPORTS)
            time.sleep(1)
    say("Stopped. Nothing is lost: `tuneloop up` continues from here.")


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
