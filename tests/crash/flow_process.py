"""The life of one forked process: what `python -m prefect.engine` does, with taps, and perhaps a sudden end."""

from __future__ import annotations

import importlib
import os
import socket
import sys
import time
import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn
from uuid import UUID

from prefect import Task
from prefect.client.schemas.objects import FlowRun
from prefect.engine import handle_engine_signals
from prefect.flow_engine import load_flow_run, run_flow
from prefect.settings import PREFECT_API_URL, temporary_settings

import tuneloop.clock
import tuneloop.ledger.submission
import tuneloop.orchestration.tasks
from tests.crash.impatience import impatient
from tests.crash.instruments import install
from tests.crash.points import Kill, Trail
from tests.crash.sabotage import SABOTAGES
from tuneloop.orchestration.run_queries import Standstill, Watcher
from tuneloop.schemas.recipe_fields import Cadence
from tuneloop.schemas.records import new_writer
from tuneloop.storage.local_files import AtomicFile


@dataclass(frozen=True)
class Order:
    """What a process is to do.

    Attributes:
        api_url: Where Prefect's API is.
        flow_run: Id of the flow run.
        entrypoint: Module and flow, as its deployment names them.
        stores: Folders of stores.
        log: File for the output.
        clock_s: How far its wall clock is ahead.
        store_clock_s: How far the clock of a store in a folder is ahead.
        kill: Where it dies, as the fields of a `Kill`; None for nowhere.
        gate: Where it waits for the harness, in the same form.
        sabotage: Name of a rule that it breaks, None for none.
    """

    api_url: str
    flow_run: str
    entrypoint: str
    stores: list[str]
    log: str
    clock_s: float = 0.0
    store_clock_s: float = 0.0
    kill: dict[str, Any] | None = None
    gate: dict[str, Any] | None = None
    sabotage: str | None = None


def run(connection: socket.socket, document: dict[str, Any]) -> NoReturn:
    """Run a flow run to its end, its suspension or its death, and leave without any clean-up."""
    order = Order(**document)
    trail = Trail(connection, _place(order.kill), _place(order.gate))
    trail.tell({"pid": os.getpid()})
    _send_output_to(order.log)
    code = 1
    try:
        _prepare(order)
        install(trail, [Path(store) for store in order.stores])
        with impatient():
            code = _as_the_engine_would(order)
    except BaseException:  # noqa: BLE001 - whatever it is, the harness must hear of it
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    trail.tell({"exit": code})
    os._exit(code)


def _place(fields: dict[str, Any] | None) -> Kill | None:
    return Kill(**fields) if fields else None


def _as_the_engine_would(order: Order) -> int:
    flow_run_id = UUID(order.flow_run)
    os.environ["PREFECT__FLOW_RUN_ID"] = order.flow_run
    module, _, name = order.entrypoint.partition(":")
    flow = getattr(importlib.import_module(module.removesuffix(".py").replace("/", ".")), name)
    try:
        with temporary_settings(updates={PREFECT_API_URL: order.api_url}), handle_engine_signals(flow_run_id):
            run_flow(flow, flow_run=load_flow_run(flow_run_id))
    except SystemExit as leave:
        return int(leave.code or 0)
    return 0


def _prepare(order: Order) -> None:
    """Make this process its own: set its clock, and let it wait for nothing that only takes time."""
    tuneloop.ledger.submission.PROCESS = new_writer()
    clock: Any = tuneloop.clock
    clock.datetime = _ahead_by(order.clock_s)
    _date_new_files(order.store_clock_s)
    _date_runs(order.clock_s)
    for task in vars(tuneloop.orchestration.tasks).values():
        if isinstance(task, Task) and task.retries:
            task.retry_delay_seconds = [0.0] * task.retries
    # Hours lie between two looks of the sensor here; the minutes at which it would ask are not to be hit by luck.
    cadence: Any = Cadence
    cadence.pause_s = lambda *_: 0.001
    if order.sabotage:
        SABOTAGES[order.sabotage]()


def _ahead_by(seconds: float) -> type[datetime]:
    """A clock that is ahead: the margins of the protocol are kept, and nobody waits for them."""

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=seconds)

    return Ahead


def _date_new_files(seconds: float) -> None:
    """Let what appears in a store in a folder be as far ahead as its clock is, by which ages are told."""
    system: Any = os
    link = system.link

    def dated(source: Any, target: Any, **options: Any) -> None:
        moment = time.time() + seconds
        os.utime(source, (moment, moment))
        link(source, target, **options)

    system.link = dated
    files: Any = AtomicFile
    sync = files.sync
    files.sync = lambda file: SimpleNamespace(st_mtime=sync(file).st_mtime + seconds)


def _date_runs(seconds: float) -> None:
    """Tell how long a run stands still by the server's clock, which is not ahead."""
    watcher: Any = Watcher
    standstill = watcher.standstill

    def by_the_servers_clock(self: Watcher, run: FlowRun | None) -> Standstill | None:
        at, self.at = self.at, self.at - timedelta(seconds=seconds)
        try:
            found: Standstill | None = standstill(self, run)
        finally:
            self.at = at
        return found

    watcher.standstill = by_the_servers_clock


def _send_output_to(log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
