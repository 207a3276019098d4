"""One lane: an account at a provider, a store, and a worker who takes flow runs and reports those that die."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.states import AwaitingRetry, Cancelled, Crashed, Pending, Scheduled

from tests.crash.flow_process import Order
from tests.crash.points import Kill, Point
from tuneloop.emulator import EmulatorControl, running_emulator
from tuneloop.ledger import Ledger
from tuneloop.storage.local_directory import LocalDirectory

RETRAIN = "retrain-model"
SENSOR = "watch-trainings"
_WEIGHTS_BYTES = 200_000
_LONGEST_RUN_S = 120.0
_OPEN = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CANCELLING]


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


@dataclass
class Lane:
    """See the module.

    Attributes:
        name: Name of its blocks and deployments.
        home: Its folder.
        store: Where its store block points to: a link to the store of the case that is played.
        port: Where its provider listens.
        api_url: Where Prefect's API is.
        client: Its connection to Prefect.
        forge: Socket of the forge.
        deployments: Ids by flow name.
        entrypoints: Entrypoints by deployment.
        parameters: Parameters of the deployments, by flow name.
        ahead_s: How far the clocks of the case are ahead of the real ones.
        sabotage: A rule that its processes break, None for none.
    """

    name: str
    home: Path
    store: Path
    port: int
    api_url: str
    client: SyncPrefectClient
    forge: Path
    deployments: dict[str, UUID] = field(default_factory=dict)
    entrypoints: dict[UUID, str] = field(default_factory=dict)
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    ahead_s: float = 0.0
    sabotage: str | None = None
    case_home: Path = Path("/dev/null")
    log: Path = Path("/dev/null")
    _provider: ExitStack = field(default_factory=ExitStack)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def store_slug(self) -> str:
        """Slug of its store's block."""
        return f"local-file-system/{self.name}"

    @property
    def credentials_slug(self) -> str:
        """Slug of its account's block."""
        return f"segmind-credentials/{self.name}"

    @property
    def ledger(self) -> Ledger:
        """Its records."""
        return Ledger(LocalDirectory(self.store))

    # Its world

    @property
    def emulator(self) -> EmulatorControl:
        """The provider of the case that is played."""
        return EmulatorControl(f"http://127.0.0.1:{self.port}")

    def begin_case(self, name: str) -> Path:
        """Make a fresh store and a fresh provider for a case, and leave no flow run of an earlier one behind.

        Returns:
            The file that gets the output of its processes.
        """
        for run in self.open_runs():
            self.client.delete_flow_run(run.id)
        self.case_home = self.home / f"{next(self._numbers):04d}"
        self.case_home.mkdir(parents=True)
        if self._made_store.is_dir():
            shutil.copytree(self._made_store, self.case_home / "store")
        else:
            (self.case_home / "store").mkdir()
        (self.case_home / "case.txt").write_text(name + "\n")
        self.store.unlink(missing_ok=True)
        self.store.symlink_to(self.case_home / "store", target_is_directory=True)
        self.end_case()
        self._provider.enter_context(
            running_emulator("segmind", self.case_home / "emulator", self.port, weights_bytes=_WEIGHTS_BYTES)
        )
        self.ahead_s = 0.0
        self.log = self.case_home / "processes.log"
        return self.log

    def keep_store(self) -> None:
        """Begin every later case with the store as it is now: made by a person, and known to Prefect."""
        shutil.copytree(self.store, self._made_store)

    @property
    def _made_store(self) -> Path:
        return self.home / "made-store"

    def end_case(self) -> None:
        """End the provider, if there is one."""
        self._provider.close()

    def advance(self, seconds: float) -> None:
        """Let time pass for the provider and for every process that is started from now on."""
        self.emulator.advance(seconds)
        self.ahead_s += seconds

    # Flow runs

    def schedule(self, flow: str, parameters: dict[str, Any]) -> UUID:
        """Start a run of a deployment, as a schedule or a person would."""
        run = self.client.create_flow_run_from_deployment(
            self.deployments[flow], parameters={**self.parameters[flow], **parameters}, state=Scheduled()
        )
        return run.id

    def restart(self, run: UUID) -> bool:
        """Let the same flow run start again, as an automation or the Retry button does."""
        again: State[None] = AwaitingRetry(scheduled_time=datetime.now(UTC))
        answer = self.client.set_flow_run_state(run, again)
        return answer.status == SetStateStatus.ACCEPT

    def cancel(self, run: UUID) -> None:
        """Cancel a run, as a person does in the UI."""
        cancelled: State[None] = Cancelled()
        self.client.set_flow_run_state(run, cancelled)

    def flow_of(self, run: FlowRun) -> str:
        """Name of the flow that a run is of."""
        return next((flow for flow, deployment in self.deployments.items() if deployment == run.deployment_id), "")

    def open_runs(self) -> list[FlowRun]:
        """Runs of this lane's deployments that have not ended, oldest first."""
        open_states = FlowRunFilterState(type=FlowRunFilterStateType(any_=_OPEN))
        found = self.client.read_flow_runs(flow_run_filter=FlowRunFilter(state=open_states))
        return sorted(filter(self._is_mine, found), key=lambda run: run.created or datetime.now(UTC))

    def _is_mine(self, run: FlowRun) -> bool:
        given = run.parameters
        return self.store_slug in (given.get("store"), *given.get("stores", []))

    # The worker

    def begin(self, run: FlowRun, label: str, kill: Kill | None) -> Callable[[], Ending] | None:
        """Start a process for a run, as the worker does.

        Returns:
            What waits for its end, None where Prefect did not let the run start.
        """
        if self.client.set_flow_run_state(run.id, Pending()).status != SetStateStatus.ACCEPT:
            return None
        entrypoint = self.entrypoints[run.deployment_id] if run.deployment_id else ""
        order = Order(
            api_url=self.api_url,
            flow_run=str(run.id),
            entrypoint=entrypoint,
            store=str(self.store),
            log=str(self.log),
            clock_s=self.ahead_s,
            kill=asdict(kill) if kill else None,
            sabotage=self.sabotage,
        )
        process = socket.socket(socket.AF_UNIX)
        process.settimeout(_LONGEST_RUN_S)
        process.connect(str(self.forge))
        process.sendall(json.dumps(asdict(order)).encode() + b"\n")
        return lambda: self._await(process, run.id, label)

    def take(self, run: FlowRun, label: str, kill: Kill | None = None) -> Ending | None:
        """Start a process for a run and wait for its end. Reports it where it died, as the worker does."""
        wait = self.begin(run, label, kill)
        return wait() if wait else None

    def _await(self, process: socket.socket, run: UUID, label: str) -> Ending:
        points: list[Point] = []
        exit_code: int | None = None
        with process, process.makefile() as lines:
            try:
                for line in lines:
                    told = json.loads(line)
                    if "point" in told:
                        points.append(Point(**told["point"]))
                    exit_code = told.get("exit", exit_code)
            except TimeoutError:
                raise Hung(f"{label} (flow run {run}) still runs after {_LONGEST_RUN_S:.0f} s") from None
            except ConnectionResetError:
                pass
        if exit_code != 0:
            # Not forced, like the worker's: a run that Prefect knows to have ended stays as it is.
            self.client.set_flow_run_state(run, Crashed(message=f"Process exited with status code: {exit_code}"))
        return Ending(run, label, died=exit_code is None, points=points)
