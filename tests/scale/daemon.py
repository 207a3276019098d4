"""Programs that are no Python, started as an ordinary user, and killed by the kernel when the harness dies."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

_PATIENCE_S = 60.0
_LINES = 15


class DaemonFailed(RuntimeError):
    """A program did not start, or a command failed; shows the end of what it said."""


def as_ordinary_user() -> list[str]:
    """The beginning of a command line whose program is not root, though we are. PostgreSQL refuses to be."""
    words = ["setpriv", "--pdeathsig", "KILL"]
    if os.getuid():
        return words
    nobody = pwd.getpwnam("nobody")
    return [*words, f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]


def folder_of_its_own(folder: Path) -> Path:
    """A new folder that the ordinary user may write to; the one above it is opened for passing through."""
    folder.mkdir()
    folder.chmod(0o700)
    if not os.getuid():
        folder.parent.chmod(0o711)
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return folder


class Daemon:
    """One program, which can be killed and started again.

    Args:
        words: Its command line.
        folder: Its folder.
        log: What gets its output.
        environment: Its environment.
        responds: Tells whether it is ready.
    """

    def __init__(
        self,
        words: list[str],
        folder: Path,
        log: Path,
        environment: dict[str, str],
        responds: Callable[[], bool],
    ) -> None:
        self._words, self._folder, self._log = words, folder, log
        self._environment, self._responds = environment, responds
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            DaemonFailed: It ended, or took too long.
        """
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [*as_ordinary_user(), *self._words],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        until = time.monotonic() + _PATIENCE_S
        while not self._responds():
            if self._process.poll() is not None or time.monotonic() > until:
                lines = self._log.read_text(errors="replace").splitlines()[-_LINES:]
                raise DaemonFailed("\n".join([f"{self._words[0]} does not respond; see {self._log}:", *lines]))
            time.sleep(0.1)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def done(words: list[str], folder: Path, environment: dict[str, str], said: str = "") -> None:
    """Run a command to its end, as the ordinary user.

    Raises:
        DaemonFailed: It failed.
    """
    ended = subprocess.run(
        [*as_ordinary_user(), *words],
        cwd=folder,
        env=environment,
        input=said,
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    if ended.returncode:
        raise DaemonFailed(f"{words[0]} failed: {ended.stderr.strip()[-1000:]}")
