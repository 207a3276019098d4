"""Runs a program to its end and tells what the whole process took."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Cost:
    """What one process took, from its start to its end.

    Attributes:
        seconds: Wall clock.
        cpu_seconds: User and system, of the process and its children.
        peak_rss_mb: Largest resident memory of any one process, in 10^6 bytes.
    """

    seconds: float
    cpu_seconds: float
    peak_rss_mb: float


def run_tick(environment: dict[str, str], store: str) -> Cost:
    """Run one tick as a worker would: a process of its own that imports everything anew."""
    return run_program(environment, "benchmarks.sensor.one_tick", store)


def run_program(environment: dict[str, str], module: str, *arguments: str) -> Cost:
    """Run `python -m module` to its end.

    Raises:
        RuntimeError: It failed; shows the end of its output.
    """
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], env=environment, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{module} failed:\n{output.read().decode(errors='replace')[-2000:]}")
    return _cost(time.monotonic() - began, usage)


def _cost(seconds: float, usage: resource.struct_rusage) -> Cost:
    return Cost(
        round(seconds, 2), round(usage.ru_utime + usage.ru_stime, 2), round(usage.ru_maxrss * 1024 / 1e6, 1)
    )


def resident_of(module: str) -> int:
    """How many processes of a module there are now."""
    found = 0
    for process in psutil.process_iter(["cmdline"]):
        found += module in (process.info["cmdline"] or [])
    return found
