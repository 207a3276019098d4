"""Entrants take turns, so that a slow moment of the machine meets all of them; the fastest run of each counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PATIENCE_S = 900.0
_ROOT = Path(__file__).resolve().parents[2]


class EntrantFailed(RuntimeError):
    """An entrant did not do its work; shows the end of what it said."""


@dataclass(frozen=True)
class Entrant:
    """One way to do the work of a row.

    Attributes:
        name: What the report calls it.
        words: Its command line.
        timed_inside: The command tells its own seconds and memory, as `benchmarks.data.child` does.
        times: How often this entrant's work fits into the row's work; its seconds are multiplied by it.
    """

    name: str
    words: tuple[str, ...]
    timed_inside: bool = False
    times: int = 1


@dataclass(frozen=True)
class Result:
    """The fastest of an entrant's runs.

    Attributes:
        seconds: Wall clock.
        peak_rss_mb: Largest resident memory in any run, in 10^6 bytes; None where the command does not tell.
        told: What else the entrant counts, the most of any run: requests, bytes read.
    """

    seconds: float
    peak_rss_mb: float | None
    told: Mapping[str, int] = field(default_factory=dict)


def python(name: str, function: str, *arguments: object, times: int = 1) -> Entrant:
    """An entrant that is a function below `benchmarks.data.entrants`, as `module:function`."""
    words = (sys.executable, "-m", "benchmarks.data.child", f"benchmarks.data.entrants.{function}")
    return Entrant(name, words + tuple(map(str, arguments)), timed_inside=True, times=times)


def program(name: str, *words: object) -> Entrant:
    """An entrant that is a program of the machine."""
    return Entrant(name, tuple(map(str, words)))


def in_turns(
    entrants: Sequence[Entrant], rounds: int, clear_away: Callable[[], object] = lambda: None
) -> dict[str, Result]:
    """Run A B C A B C and so on.

    Args:
        entrants: Who takes part.
        rounds: Runs of each.
        clear_away: Removes what a run has left; called after each of them, untimed.

    Raises:
        EntrantFailed: One of them ended with an error.
    """
    runs: dict[str, list[Result]] = {entrant.name: [] for entrant in entrants}
    for _ in range(rounds):
        for entrant in entrants:
            runs[entrant.name].append(_run(entrant))
            clear_away()
    return {
        name: Result(
            min(run.seconds for run in results),
            max((run.peak_rss_mb for run in results if run.peak_rss_mb is not None), default=None),
            {what: max(run.told[what] for run in results) for what in results[0].told},
        )
        for name, results in runs.items()
    }


def _run(entrant: Entrant) -> Result:
    began = time.perf_counter()
    done = subprocess.run(
        entrant.words,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")
        raise EntrantFailed(f"{entrant.name} failed:\n{said[-1500:]}")
    if not entrant.timed_inside:
        return Result(seconds * entrant.times, None)
    told = json.loads(done.stdout.splitlines()[-1])
    return Result(told["seconds"] * entrant.times, told["peak_rss_mb"], told.get("told", {}))
