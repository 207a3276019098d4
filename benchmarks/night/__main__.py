"""What a run on an unchanged dataset and an idle tick of the sensor cost, in turn with a flow that does nothing.

`make bench-night`, or `python -m benchmarks.night [--json FILE] [--models 20] [--images 20] [--ticks 10]`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from rich.console import Console
from rich.table import Table

from benchmarks.night.installation import EMPTY, SENSOR, Installation, running_installation
from benchmarks.night.measuring import RunCost, measure_run
from tuneloop.orchestration.sensor_runs import IDLE
from tuneloop.orchestration.server_address import send_no_events

_UNCHANGED, _DONE = "Cached", "Completed"


def main() -> None:
    """Measure everything, print a table, and write the figures down."""
    arguments = _arguments()
    console = Console()
    send_no_events()  # of this process: else its end waits for servers that have ended before
    with tempfile.TemporaryDirectory() as folder:
        console.print(f"A server, a worker and {arguments.models} models")
        with (
            running_installation(Path(folder).resolve(), arguments.models, arguments.images) as installation,
            get_client(sync_client=True) as client,
        ):
            costs = _measure(client, installation, arguments.ticks, console)
    figures = _figures(costs, arguments.models)
    _show(console, costs)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-night")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--models", type=int, default=20, help="how many models have nothing to do")
    parser.add_argument("--images", type=int, default=20, help="how many images each was trained on")
    parser.add_argument("--ticks", type=int, default=10, help="how often the sensor runs")
    return parser.parse_args()


def _measure(
    client: SyncPrefectClient, installation: Installation, ticks: int, console: Console
) -> dict[str, list[RunCost]]:
    """Each in turn with the peer, so that whatever else goes on at the machine hits both.

    The ticks come first: a model's run is something that the sensor looks at.
    """
    costs: dict[str, list[RunCost]] = {"unchanged run": [], "idle tick": [], "empty flow": []}

    def measure(what: str, deployment: str, end: str) -> None:
        costs[what].append(measure_run(client, installation, deployment, end))
        costs["empty flow"].append(measure_run(client, installation, EMPTY, _DONE))

    measure_run(client, installation, EMPTY, _DONE)  # the first process compiles what it imports
    measure_run(client, installation, SENSOR, _DONE)  # and the first tick writes the page of the models
    console.print(f"{ticks} idle ticks")
    for _ in range(ticks):
        measure("idle tick", SENSOR, IDLE)
    measure_run(client, installation, installation.models[0], _UNCHANGED)
    for done, model in enumerate(installation.models, 1):
        measure("unchanged run", model, _UNCHANGED)
        if done % 10 == 0:
            console.print(f"{done} unchanged runs")
    return costs


def _figures(costs: dict[str, list[RunCost]], models: int) -> dict[str, Any]:
    cpu = {what: median(cost.cpu_s for cost in each) for what, each in costs.items()}
    seconds = {what: median(cost.seconds for cost in each) for what, each in costs.items()}
    requests = {what: median(cost.store_requests for cost in each) for what, each in costs.items()}
    empty = cpu["empty flow"]
    return {
        "models": models,
        "unchanged_seconds": round(seconds["unchanged run"], 2),
        "empty_flow_seconds": round(seconds["empty flow"], 2),
        "ratio_cpu": round(cpu["unchanged run"] / empty, 2),
        "store_requests_per_run": requests["unchanged run"],
        "idle_tick_cpu_s": round(cpu["idle tick"], 2),
        "empty_flow_cpu_s": round(empty, 2),
        "unchanged_cpu_s": round(cpu["unchanged run"], 2),
        "idle_tick_ratio_cpu": round(cpu["idle tick"] / empty, 2),
        "idle_tick_seconds": round(seconds["idle tick"], 2),
        "store_requests_per_idle_tick": requests["idle tick"],
    }


def _show(console: Console, costs: dict[str, list[RunCost]]) -> None:
    empty = median(cost.cpu_s for cost in costs["empty flow"])
    title = "Medians: a run's process and all that it starts, from the worker's taking it"
    table = Table("", "runs", "CPU s", "ratio", "seconds", "store requests", title=title)
    for what, each in costs.items():
        cpu = median(cost.cpu_s for cost in each)
        table.add_row(
            what,
            str(len(each)),
            f"{cpu:.2f}",
            f"{cpu / empty:.2f}",
            f"{median(cost.seconds for cost in each):.2f}",
            f"{median(cost.store_requests for cost in each):g}",
        )
    console.print(table)


if __name__ == "__main__":
    main()
