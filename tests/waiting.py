"""Waiting for a deed, never for an hour: the limit only ends a test that would hang.

What a test's programs have written last is shown with whatever fails while they run: see `last_lines` and
`tests/conftest.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tuneloop.local_server.processes import Processes

T = TypeVar("T")
LIMIT_S = 300.0
"""Longer than anything takes on a machine that does something else besides."""
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 0.4
"""Each look at a run costs its server several milliseconds of a processor that the run needs too."""
_LINES = 15
_PROGRAMS: list[Processes] = []
_LOGS: list[Path] = []


def wait_until(what: str, condition: Callable[[], T], *, seen: Callable[[], object] | None = None) -> T:
    """Wait until something holds, and fail at once where a program has died on which it may depend.

    Args:
        what: What is waited for, as the end of "waited in vain until …".
        condition: True, or anything but None, 0 and nothing, once it holds.
        seen: What there is instead, for the message.

    Returns:
        What the condition has given.
    """
    until = time.monotonic() + LIMIT_S
    pause_s = _FIRST_PAUSE_S
    while not (found := condition()):
        for programs in _PROGRAMS:
            programs.check()
        if time.monotonic() > until:
            instead = f"; seen: {seen()}" if seen else ""
            raise AssertionError(f"waited {LIMIT_S:.0f} s in vain until {what}{instead}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
    return found


@contextmanager
def relying_on(*programs: Processes, logs: Path | None = None) -> Iterator[None]:
    """Say which programs the tests within rely on, and where others write their logs."""
    paths = [logs] if logs else []
    _PROGRAMS.extend(programs)
    _LOGS.extend(paths)
    try:
        yield
    finally:
        for item in programs:
            _PROGRAMS.remove(item)
        for path in paths:
            _LOGS.remove(path)


def last_lines() -> str:
    """The end of every log of the programs that are relied on now."""
    folders = [*(programs._logs for programs in _PROGRAMS), *_LOGS]
    files = sorted({file for folder in folders for file in folder.glob("*.log")})
    return "\n".join(line for file in files for line in _end_of(file))


def _end_of(file: Path) -> list[str]:
    return [f"{file}:", *(f"  {line}" for line in file.read_text(errors="replace").splitlines()[-_LINES:])]
