"""Starts programs, and ends exactly those and what they started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import requests

_PATIENCE_S = 8.0


class ProgramFailed(RuntimeError):
    """A program did not start, or ended by itself."""


class Processes:
    """The programs of one installation.

    Args:
        logs: Folder for their output.
        environment: Their environment.
    """

    def __init__(self, logs: Path, environment: dict[str, str]) -> None:
        self._logs = logs
        self._logs.mkdir(parents=True, exist_ok=True)
        self.environment = environment
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *module_and_arguments: str) -> int:
        """Start `python -m …` in the background, with its output in `<name>.log`.

        Returns:
            Its process id.
        """
        with (self._logs / f"{name}.log").open("ab") as log:
            # The arguments are our own.
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", *module_and_arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )
        self._started[name] = process
        return process.pid

    def wait_until(self, name: str, ready: Callable[[], bool], timeout_s: float = 90) -> None:
        """Wait until a started program is ready.

        Raises:
            ProgramFailed: It ended, or took too long; shows the end of its output.
        """
        until = time.monotonic() + timeout_s
        while not ready():
            if self._started[name].poll() is not None or time.monotonic() > until:
                log = self._logs / f"{name}.log"
                end = log.read_text(errors="replace")[-1500:]
                raise ProgramFailed(f"{name} did not start; the end of {log}:\n{end}")
            time.sleep(0.2)

    def end(self, name: str, *, kill: bool = False) -> None:
        """End one program; with `kill` at once and without its children, as a crash would."""
        process = self._started.pop(name)
        if kill:
            process.kill()
            process.wait()
        else:
            _end_tree([process])

    def end_all(self) -> None:
        """End every started program and whatever they have started themselves."""
        while self._started:
            # The last one first: what was started later speaks to what was there before.
            _, process = self._started.popitem()
            _end_tree([process])


def _end_tree(processes: list[subprocess.Popen[bytes]]) -> None:
    """Ask the whole tree to end, then insist. Flow runs leave their worker's session: read the tree first."""
    tree: list[psutil.Process] = []
    for process in processes:
        try:
            root = psutil.Process(process.pid)
            tree += [*root.children(recursive=True), root]
        except psutil.NoSuchProcess:
            continue
    for member in tree:
        _quietly(member.terminate)
    _, alive = psutil.wait_procs(tree, timeout=_PATIENCE_S)
    for member in alive:
        _quietly(member.kill)
    psutil.wait_procs(alive, timeout=_PATIENCE_S)
    for process in processes:
        process.wait()


def _quietly(act: Callable[[], None]) -> None:
    try:
        act()
    except psutil.NoSuchProcess:
        return


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    """Tell whether a local address answers with success."""
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def clean_environment(extra: dict[str, str]) -> dict[str, str]:
    """This process's environment without anybody's Prefect or Tuneloop settings, plus some of our own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "TUNELOOP_"))}
    return {**kept, **extra}
