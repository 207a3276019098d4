"""One lane: accounts, stores, and a worker who takes flow runs and reports those that die."""

from __future__ import annotations

import itertools
import json
import math
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import FlowRun
from prefect.states import Crashed

from tests.crash.flow_process import Order
from tests.crash.places import FREE, AccountPlace, FolderPlace, StorePlace
from tests.crash.points import Kill, Point
from tests.crash.prefect_server import PrefectServer
from tuneloop.emulator import BilledEntry, EmulatorControl, LoggedRequest
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.credentials import SpendingGuard
from tuneloop.orchestration.stores import init_store

RETRAIN = "retrain-model"
ADOPT = "adopt-model"
COMPARE = "compare-trainers"
SENSOR = "watch-trainings"
_LONGEST_RUN_S = 120.0
_LONGEST_AFTER_A_GATE_S = 30.0
"""A process without its server never ends where Prefect 3.9.1 begins to watch for its suspension: it is killed."""


class Hung(RuntimeError):
    """A process did not come to an end."""


@dataclass(frozen=True)
class Ending:
    """How a process ended.

    Attributes:
        flow_run: Its flow run.
        label: Its role in the case, such as `run 1` or `tick 2`.
        died: Whether it was killed.
        points: Every point it has passed, in order.
    """

    flow_run: UUID
    label: str
    died: bool
    points: list[Point]


@dataclass(frozen=True)
class Gate:
    """A point at which a process waits while something happens to the world around it.

    Attributes:
        at: The point.
        meanwhile: What happens.
        afterwards: What happens once the process has ended.
    """

    at: Kill
    meanwhile: Callable[[Lane], None]
    afterwards: Callable[[Lane], None] = lambda _: None


@dataclass
class Lane:
    """See the module.

    Attributes:
        name: Name of its blocks and deployments.
        home: Its folder.
        stores: Its stores by role: `folder`, `second`, `s3`.
        accounts: Its accounts by role: `segmind`, `twin`, `bfl`, `fal`, `replicate`.
        here: Its Prefect server.
        elsewhere: Another server that sees the same stores and accounts.
        forge: Socket of the forge.
        store: Role of the store that the case is played on.
        account: Role of the account that pays.
        ahead_s: How far the clocks of the case are ahead of the real ones.
        clock_off_s: How far the clock of its processes is off.
        sabotage: A rule that its processes break, None for none.
        case_home: Folder of the case.
        log: Output of its processes.
        foreign_submits: How many trainings others have submitted to its accounts.
    """

    name: str
    home: Path
    stores: dict[str, StorePlace]
    accounts: dict[str, AccountPlace]
    here: PrefectServer
    elsewhere: PrefectServer
    forge: Path
    store: str = "folder"
    account: str = "segmind"
    ahead_s: float = 0.0
    clock_off_s: float = 0.0
    sabotage: str | None = None
    case_home: Path = Path("/dev/null")
    log: Path = Path("/dev/null")
    foreign_submits: int = 0
    _in_use: tuple[AccountPlace, ...] = ()
    _stores_in_use: set[str] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def store_slug(self) -> str:
        """Slug of the store's block."""
        return self.stores[self.store].slug

    @property
    def credentials_slug(self) -> str:
        """Slug of the account's block."""
        return self.accounts[self.account].slug

    @property
    def ledger(self) -> Ledger:
        """The records of the case."""
        return Ledger(self.stores[self.store].open())

    @property
    def folder(self) -> FolderPlace:
        """The store of the case, where it is in a folder."""
        place = self.stores[self.store]
        assert isinstance(place, FolderPlace)
        return place

    @property
    def emulator(self) -> EmulatorControl:
        """The provider that is paid."""
        return self.accounts[self.account].emulator

    def billing(self) -> list[BilledEntry]:
        """What every provider of the case has accepted."""
        return [entry for place in self._in_use for entry in place.emulator.billing()]

    def requests(self) -> list[LoggedRequest]:
        """What every provider of the case was sent."""
        return [entry for place in self._in_use for entry in place.emulator.requests()]

    def ledgers(self) -> list[Ledger]:
        """The records of every store of the case."""
        return [Ledger(self.stores[role].open()) for role in sorted(self._stores_in_use)]

    def inits(self, store: str) -> None:
        """Make a store and let the account train into it, as a person does with `tuneloop store init`."""
        with self.here.process.in_force():
            init_store(self.stores[store].slug, replace=True, account=self.credentials_slug)

    # A case

    def begin_case(
        self, name: str, *, store: str, account: str, limits: SpendingGuard | None, besides: tuple[str, ...]
    ) -> Path:
        """Make fresh stores and fresh providers for a case, and leave no flow run of an earlier one behind.

        Args:
            name: Its id.
            store: Role of the store that it is played on.
            account: Role of the account that pays.
            limits: What that account may spend, None for whatever it likes.
            besides: Roles of what else it needs.

        Returns:
            The file that gets the output of its processes.
        """
        self.end_case()
        for server in (self.here, self.elsewhere):
            server.forget_runs()
        self.store, self.account = store, account
        self.ahead_s = self.clock_off_s = 0.0
        self.case_home = self.home / f"{next(self._numbers):04d}"
        self.case_home.mkdir(parents=True)
        (self.case_home / "case.txt").write_text(name + "\n")
        self.foreign_submits = 0
        self._stores_in_use = {store, *besides} & set(self.stores)
        for role in self._stores_in_use:
            self.stores[role].begin_case(self.case_home)
        self._in_use = tuple(self.accounts[role] for role in (account, *besides) if role in self.accounts)
        for place in self._in_use:
            place.begin_case(self.case_home)
        with self.here.process.in_force():
            self.accounts[account].save_block(self.emulator.api_key, limits or FREE)
            for role in self._stores_in_use - {store}:
                init_store(self.stores[role].slug, replace=True)
        self.inits(store)
        self.straighten()
        self.log = self.case_home / "processes.log"
        return self.log

    def end_case(self) -> None:
        """End the providers, if there are any."""
        for place in self._in_use:
            place.end_case()
        self._in_use = ()
        self.here.process.revive()

    def advance(self, seconds: float) -> None:
        """Let time pass for all providers and stores, and for every process that is started from now on."""
        self.ahead_s += seconds
        for account in self._in_use:
            account.emulator.advance(seconds)
            account.emulator.switch(date_off_s=self.ahead_s)
        for store in self.stores.values():
            store.set_clock(self.ahead_s)

    def straighten(self) -> None:
        """Let the providers behave as documented."""
        for place in self._in_use:
            place.emulator.reset_switches()
            # Nobody here waits for an image; and all clocks agree.
            place.emulator.switch(image_s=0.0, date_off_s=self.ahead_s)

    def schedule(self, flow: str, parameters: dict[str, Any], server: PrefectServer | None = None) -> UUID:
        """Start a run on this lane's store and account, where the parameters name no others."""
        usual = {"store": self.store_slug, "stores": [self.store_slug], "credentials": self.credentials_slug}
        return (server or self.here).schedule(flow, {**usual, **parameters})

    # The worker

    def begin(
        self,
        run: FlowRun,
        label: str,
        kill: Kill | None,
        gate: Gate | None = None,
        server: PrefectServer | None = None,
    ) -> Callable[[], Ending] | None:
        """Start a process for a run, as the worker does.

        Returns:
            What waits for its end, None where Prefect did not let the run start.
        """
        server = server or self.here
        if not server.admit(run.id):
            return None
        order = Order(
            api_url=server.process.api_url,
            flow_run=str(run.id),
            entrypoint=server.entrypoints[run.deployment_id] if run.deployment_id else "",
            stores=[str(place.link) for place in self.stores.values() if isinstance(place, FolderPlace)],
            log=str(self.log),
            clock_s=self.ahead_s + self.clock_off_s,
            store_clock_s=self.ahead_s,
            kill=asdict(kill) if kill else None,
            gate=asdict(gate.at) if gate else None,
            sabotage=self.sabotage,
        )
        process = socket.socket(socket.AF_UNIX)
        process.settimeout(_LONGEST_RUN_S)
        process.connect(str(self.forge))
        process.sendall(json.dumps(asdict(order)).encode() + b"\n")
        return lambda: self._await(process, run.id, label, gate, server)

    def _await(
        self, process: socket.socket, run: UUID, label: str, gate: Gate | None, server: PrefectServer
    ) -> Ending:
        points: list[Point] = []
        exit_code: int | None = None
        pid, until = 0, math.inf
        with process, process.makefile() as lines:
            try:
                while line := lines.readline():
                    told = json.loads(line)
                    if "point" in told:
                        points.append(Point(**told["point"]))
                    if "waits" in told and gate is not None:
                        gate.meanwhile(self)
                        process.sendall(b"go\n")
                        until = time.monotonic() + _LONGEST_AFTER_A_GATE_S
                        process.settimeout(_LONGEST_AFTER_A_GATE_S)
                    pid = told.get("pid", pid)
                    exit_code = told.get("exit", exit_code)
                    if time.monotonic() > until:
                        raise TimeoutError  # noqa: TRY301 - as if it were silent
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                if until == math.inf:
                    raise Hung(f"{label} (flow run {run}) still runs after {_LONGEST_RUN_S:.0f} s") from None
            except ConnectionResetError:
                pass
        if gate is not None:
            gate.afterwards(self)
        server.process.revive()
        if exit_code != 0:
            # Not forced, like the worker's: a run that Prefect knows to have ended stays as it is.
            message = f"Process exited with status code: {exit_code}"
            server.client.set_flow_run_state(run, Crashed(message=message))
        return Ending(run, label, died=exit_code is None, points=points)
