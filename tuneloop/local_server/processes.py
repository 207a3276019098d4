"""Starts programs, and ends exactly those and what they started.

Run as a program of its own, it ends programs whose starter has died, and so outlives a kill of the starter.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import requests

_LINES_SHOWN = 15
_TERMINATE_S = 8.0
_PORTS = range(10_000, 32_000)


class ProgramFailed(RuntimeError):
    """A program did not start, or ended by itself."""


class Processes:
    """The programs of one installation. They end with us, however we end."""

    def __init__(self, logs: Path, environment: dict[str, str]) -> None:
        self._logs = logs
        self._logs.mkdir(parents=True, exist_ok=True)
        self.environment = environment
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._watcher: subprocess.Popen[str] | None = None

    def start(self, name: str, *module_and_arguments: str, python: str = sys.executable) -> int:
        """Start `python -m …` in the background, with its output in `<name>.log`. Returns its process id."""
        with (self._logs / f"{name}.log").open("ab") as log, interrupts_deferred():
            # The arguments are our own.
            process = subprocess.Popen(  # noqa: S603
                [python, "-m", *module_and_arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )
            self._started[name] = process
            self._register_with_watcher(process.pid)
        return process.pid

    def _register_with_watcher(self, pid: int) -> None:
        if self._watcher is None:
            self._watcher = subprocess.Popen(
                [sys.executable, "-m", "tuneloop.local_server.processes"],
                stdin=subprocess.PIPE,
                text=True,
                # Not ours, which may hold a key.
                env=self.environment,
                start_new_session=True,
            )
        assert self._watcher.stdin is not None  # noqa: S101 - it was opened as a pipe
        print(pid, file=self._watcher.stdin, flush=True)

    def has_ended(self, name: str) -> bool:
        """Return True if a program has ended by itself."""
        return self._started[name].poll() is not None

    def check(self, *, except_for: str = "") -> None:
        """Raise `ProgramFailed`, with the last lines of its output, where a program has ended by itself.

        Args:
            except_for: Name of a program that the others can do without.
        """
        for name, process in self._started.items():
            if name != except_for and process.poll() is not None:
                raise ProgramFailed(
                    f"{name} has ended by itself ({_how(process.returncode)}); {self._end_of(name)}"
                )

    def wait_until(self, name: str, ready: Callable[[], bool], timeout_s: float = 90) -> None:
        """Wait until a started program is ready.

        Raises:
            ProgramFailed: A program ended, or this one took too long; shows the end of its output.
        """
        until = time.monotonic() + timeout_s
        while not ready():
            self.check()
            if time.monotonic() > until:
                raise ProgramFailed(f"{name} is not ready after {timeout_s:.0f} s; {self._end_of(name)}")
            time.sleep(0.2)
        # What responds may be somebody else's, who was quicker at the same port.
        self.check()

    def _end_of(self, name: str) -> str:
        log = self._logs / f"{name}.log"
        lines = log.read_text(errors="replace").splitlines()[-_LINES_SHOWN:]
        return "\n".join([f"see {log}:", *(f"  {line}" for line in lines)])

    def end(self, name: str, *, kill: bool = False) -> None:
        """End one program; with `kill` at once and without its children, as a crash would."""
        with interrupts_deferred():
            process = self._started.pop(name)
            if kill:
                process.kill()
                process.wait()
            else:
                _end(process)

    def end_all(self) -> None:
        """End every started program and whatever they have started themselves. Cannot be interrupted."""
        with interrupts_deferred():
            while self._started:
                # The last one first: what was started later speaks to what was there before.
                _, process = self._started.popitem()
                _end(process)
            if self._watcher is not None:
                self._watcher.communicate()
                self._watcher = None


def end_trees(roots: list[psutil.Process]) -> None:
    """Terminate processes and all that they have started, then kill what is left.

    Flow runs leave their worker's session, so the tree is read before anything ends.
    """
    tree: list[psutil.Process] = []
    for root in roots:
        with suppress(psutil.NoSuchProcess):
            tree += [*root.children(recursive=True), root]
    for member in tree:
        with suppress(psutil.NoSuchProcess):
            member.terminate()
    _, alive = psutil.wait_procs(tree, timeout=_TERMINATE_S)
    for member in alive:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(alive, timeout=_TERMINATE_S)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(psutil.NoSuchProcess):
        end_trees([psutil.Process(process.pid)])
    process.wait()


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the end of a block. Does nothing outside of the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in came[:1]:
            signal.raise_signal(late)


def free_port(usual: int | None = None) -> int:
    """A port of the loopback address that is free now: the usual one, or any where that is taken.

    From below those that systems give to clients (32768 and up on Linux, 49152 elsewhere): a program takes seconds
    to start, and one of those would be somebody's by then.
    """
    port = usual or secrets.choice(_PORTS)
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
        port = secrets.choice(_PORTS)


def responds(url: str) -> bool:
    """Return True if a local address responds with success."""
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def listens(url: str) -> bool:
    """Return True if somebody listens at a local address, whatever they respond."""
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname, parts.port)) == 0


def clean_environment(extra: dict[str, str]) -> dict[str, str]:
    """This process's environment without anybody's Prefect or Tuneloop settings, plus some of our own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "TUNELOOP_"))}
    return {**kept, **extra}


def _end_left_behind() -> None:
    """Read one process id a line until standard input ends, with the starter; then end those still there."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    started: list[psutil.Process] = []
    for line in sys.stdin:
        # The process is kept with the moment of its start: another one that gets its id later is left alone.
        with suppress(psutil.NoSuchProcess):
            started.append(psutil.Process(int(line)))
    end_trees([process for process in reversed(started) if process.is_running()])


if __name__ == "__main__":
    _end_left_behind()
