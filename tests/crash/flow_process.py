"""The life of one forked process: what `python -m prefect.engine` does, with taps, and perhaps a sudden end."""

from __future__ import annotations

import importlib
import os
import socket
import sys
import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

from prefect import Task
from prefect.engine import handle_engine_signals
from prefect.events import utilities as event_utilities
from prefect.flow_engine import load_flow_run, run_flow
from prefect.logging.configuration import setup_logging

import flows.steps
import tuneloop.clock
import tuneloop.submission
from tests.crash.instruments import install
from tests.crash.points import Kill, Trail
from tests.crash.sabotage import SABOTAGES
from tuneloop.values.records import new_writer


@dataclass(frozen=True)
class Order:
    """What a process is to do.

    Attributes:
        flow_run: Id of the flow run.
        entrypoint: Module and flow, as its deployment names them.
        store: Folder of the artifact store.
        log: File for the output.
        clock_s: How far its wall clock is ahead.
        kill: Where it dies, as the fields of a `Kill`; None for nowhere.
        sabotage: Name of a rule that it breaks, None for none.
    """

    flow_run: str
    entrypoint: str
    store: str
    log: str
    clock_s: float = 0.0
    kill: dict[str, Any] | None = None
    sabotage: str | None = None


def run(connection: socket.socket, document: dict[str, Any]) -> NoReturn:
    """Run a flow run to its end, its suspension or its death, and leave without any clean-up."""
    order = Order(**document)
    trail = Trail(connection, Kill(**order.kill) if order.kill else None)
    _send_output_to(order.log)
    code = 1
    try:
        _prepare(order)
        install(trail, Path(order.store))
        code = _as_the_engine_would(order)
    except BaseException:  # noqa: BLE001 - whatever it is, the harness must hear of it
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    trail.tell({"exit": code})
    os._exit(code)


def _as_the_engine_would(order: Order) -> int:
    flow_run_id = UUID(order.flow_run)
    os.environ["PREFECT__FLOW_RUN_ID"] = order.flow_run
    module, _, name = order.entrypoint.partition(":")
    flow = getattr(importlib.import_module(module.removesuffix(".py").replace("/", ".")), name)
    try:
        with handle_engine_signals(flow_run_id):
            run_flow(flow, flow_run=load_flow_run(flow_run_id))
    except SystemExit as leave:
        return int(leave.code or 0)
    return 0


def _prepare(order: Order) -> None:
    """Make this process its own, set its clock, and let it wait for nothing that only takes time."""
    tuneloop.submission.PROCESS = new_writer()
    # Task runs and logs are sent to Prefect in the background and decide nothing: they would be most of the work.
    events: Any = event_utilities
    events.should_emit_events = lambda: False
    setup_logging()
    clock: Any = tuneloop.clock
    clock.datetime = _ahead_by(order.clock_s)
    for task in vars(flows.steps).values():
        if isinstance(task, Task) and task.retries:
            task.retry_delay_seconds = [0.0] * task.retries
    if order.sabotage:
        SABOTAGES[order.sabotage]()


def _ahead_by(seconds: float) -> type[datetime]:
    """A clock that is ahead: the margins of the protocol are kept, and nobody waits for them."""

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=seconds)

    return Ahead


def _send_output_to(log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
