"""What a tick costs with 1, 100, 1,000 and 10,000 trainings in flight, beside a polling task for each job.

`make bench-sensor`, or `python -m benchmarks.sensor [--provider NAME] [--json FILE] [--sizes 1,100,1000,10000]`.
The polling task speaks to the first provider only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.sensor.installation import STORE, Installation, running_installation
from benchmarks.sensor.measuring import resident_of, run_tick
from tuneloop.emulator import Progress
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration.server_address import send_no_events
from tuneloop.providers.registry import PROVIDERS

_LIST = "/finetune/request/list"
_PEERS = 6
_PEER_S, _PEER_INTERVAL_S = 20.0, 4.0
_BURST = 500


def main() -> None:
    """Measure everything, print a table, and write the figures down."""
    arguments = _arguments()
    console = Console()
    send_no_events()  # of this process: else its end waits for servers that have ended before
    sizes = [int(size) for size in arguments.sizes.split(",")]
    with (
        tempfile.TemporaryDirectory() as folder,
        running_installation(Path(folder), arguments.provider) as installation,
    ):
        installation.emulator.progress(Progress.after_seconds(1e9))
        rows = _measure_sizes(installation, sizes, console)
        peer = None
        if installation.row is PROVIDERS[0]:
            console.print("A polling task for each job, in a process of its own")
            peer = _measure_peers(installation)
    console.print(f"{_BURST} trainings end at once")
    with (
        tempfile.TemporaryDirectory() as folder,
        running_installation(Path(folder), arguments.provider) as installation,
    ):
        burst = _measure_burst(installation)
    figures = {"sizes": rows, "polling_task_per_job": peer, "burst": burst}
    _show(console, figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-sensor")
    parser.add_argument("--provider", choices=[row.name for row in PROVIDERS], default=PROVIDERS[0].name)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--sizes", default="1,100,1000,10000", help="how many trainings are in flight")
    return parser.parse_args()


def _measure_sizes(installation: Installation, sizes: list[int], console: Console) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    there = 0
    run_tick(installation.environment, STORE)  # the first process after a start compiles and caches
    for size in sizes:
        console.print(f"{size:,} trainings in flight")
        installation.put_in_flight(size - there)
        there = size
        before = len(installation.emulator.requests())
        cost = run_tick(installation.environment, STORE)
        asked = [request.path for request in installation.emulator.requests()[before:]]
        rows.append(
            {
                "in_flight": size,
                "list_requests": asked.count(_LIST),
                "other_requests": len(asked) - asked.count(_LIST),
                **asdict(cost),
                "resident_processes": resident_of("benchmarks.sensor.one_tick"),
            }
        )
    return rows


def _measure_peers(installation: Installation) -> dict[str, Any]:
    """Memory and requests of the usual way, at a size that the machine bears."""
    jobs = [job.id for job in installation.emulator.jobs()[:_PEERS]]
    before = len(installation.emulator.requests())
    began = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.sensor.polling_task", installation.emulator.url]
    rest = [str(_PEER_S), str(_PEER_INTERVAL_S)]
    processes = [
        subprocess.Popen(
            [*command, installation.emulator.api_key, job, *rest],
            env=installation.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for job in jobs
    ]
    time.sleep(_PEER_S * 0.9)
    memory = [
        psutil.Process(process.pid).memory_info().rss / 1e6 for process in processes if process.poll() is None
    ]
    for process in processes:
        process.wait(timeout=120)
    asked = len(installation.emulator.requests()) - before
    return {
        "jobs": len(jobs),
        "rss_mb_per_job": round(sum(memory) / len(memory), 1),
        "requests_per_tick": round(asked * _PEER_INTERVAL_S / _PEER_S),
        "seconds": round(time.monotonic() - began, 1),
    }


def _measure_burst(installation: Installation) -> dict[str, Any]:
    """Five hundred runs sleep, and all their trainings end between two ticks."""
    installation.emulator.progress(Progress.after_seconds(1e9))
    runs = installation.put_in_flight(_BURST, installation.suspended_runs(_BURST))
    installation.emulator.progress(Progress.at_once())
    cost = run_tick(installation.environment, STORE)
    recorded = sum(
        getattr(TrainingLog(installation.ledger, run.key, 1).last, "state", None) == "trained" for run in runs
    )
    first = installation.awake()
    ticks = 1
    while installation.awake() < _BURST and ticks < 20:  # bounded, whatever goes wrong
        run_tick(installation.environment, STORE)
        ticks += 1
    return {
        "finished": _BURST,
        "recorded": recorded,
        "resumed": installation.awake(),
        "seconds": cost.seconds,
        "resumed_in_the_first_tick": first,
        "ticks_until_all_were_resumed": ticks,
    }


def _show(console: Console, figures: dict[str, Any]) -> None:
    columns = list(figures["sizes"][0])
    table = Table(*(column.replace("_", " ") for column in columns), title="One tick, as a process of its own")
    for row in figures["sizes"]:
        table.add_row(*(f"{row[column]:,}" for column in columns))
    console.print(table)
    peer, last = figures["polling_task_per_job"], figures["sizes"][-1]
    if peer is not None:
        console.print(
            f"A polling task per job: {peer['rss_mb_per_job']} MB resident for each ({peer['jobs']} measured), "
            f"one request for each per interval. For {last['in_flight']:,} jobs that is "
            f"{peer['rss_mb_per_job'] * last['in_flight'] / 1000:,.0f} GB and {last['in_flight']:,} requests, "
            f"against {last['peak_rss_mb']} MB for {last['seconds']} s and {last['list_requests']} request."
        )
    console.print(f"Burst: {figures['burst']}")


if __name__ == "__main__":
    main()
