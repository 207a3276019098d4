"""Starts a run by a deployment, waits until its process is gone, and tells what all of it took."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun

from benchmarks.night.installation import Installation
from tuneloop.orchestration.started_runs import start_run, until_ended

_LIMIT_S = 300.0
_PAUSE_S = 0.02
_REQUEST = re.compile(r'"[A-Z]+ /\S* HTTP/1\.[01]"')


class UnexpectedEnd(RuntimeError):
    """A run has done something else than what is measured."""


@dataclass(frozen=True)
class RunCost:
    """What one run took, from when the worker took it until its process was gone.

    Attributes:
        seconds: Wall clock.
        cpu_s: User and system, of the process and its children, as the kernel counted them for the worker.
        store_requests: As the S3 server has logged them.
    """

    seconds: float
    cpu_s: float
    store_requests: int


def measure_run(client: SyncPrefectClient, installation: Installation, deployment: str, expected: str) -> RunCost:
    """Run a deployment, with nothing else in the worker.

    Raises:
        UnexpectedEnd: Its state has another name than `expected`; says which, and why.
    """
    worker = psutil.Process(installation.worker)
    cpu_before, asked_before = _cpu_of_children(worker), _requests(installation)
    run = _run_to_its_end(client, deployment)
    until = time.monotonic() + _LIMIT_S
    while worker.children() and time.monotonic() < until:
        time.sleep(_PAUSE_S)
    seconds = (datetime.now(UTC) - _taken_at(client, run)).total_seconds()
    if run.state is None or run.state.name != expected:
        said = f"{run.state.name}: {run.state.message}" if run.state else "without a state"
        raise UnexpectedEnd(f"{deployment} ended as {said}; {expected} was expected")
    return RunCost(
        seconds=seconds,
        cpu_s=_cpu_of_children(worker) - cpu_before,
        store_requests=_requests(installation) - asked_before,
    )


def _run_to_its_end(client: SyncPrefectClient, deployment: str) -> FlowRun:
    *_, ended = until_ended(client, start_run(client, deployment, {}).id, _LIMIT_S)
    return ended


def _taken_at(client: SyncPrefectClient, run: FlowRun) -> datetime:
    """When the worker took a run."""
    return min(state.timestamp for state in client.read_flow_run_states(run.id) if state.is_pending())


def _cpu_of_children(worker: psutil.Process) -> float:
    """Seconds of all processes that have ended below a worker."""
    times = worker.cpu_times()
    return float(times.children_user + times.children_system)


def _requests(installation: Installation) -> int:
    return len(_REQUEST.findall(installation.access_log.read_text(encoding="utf-8", errors="replace")))
