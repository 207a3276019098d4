"""A Prefect server as one lane sees it: its process, its deployments, and the flow runs on them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.client.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from prefect.states import AwaitingRetry, Cancelled, Pending, Scheduled
from prefect.utilities.callables import parameter_schema

from tuneloop.local_server.processes import Processes, responds
from tuneloop.orchestration.deploy import WORK_POOL

_ONCE_A_YEAR = "0 0 1 1 *"
_BLOCKS = threading.Lock()
"""A block's class remembers the ids of its type on the server it was saved to last, for all threads."""
_OPEN = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CANCELLING]


@dataclass
class ServerProcess:
    """The process of a server, which can be killed and started again over the same database.

    Attributes:
        home: Its folder.
        port: Where it listens.
        processes: What it is started with.
        is_up: Whether it runs.
    """

    home: Path
    port: int
    processes: Processes
    is_up: bool = False

    @property
    def api_url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.port}/api"

    def begin(self) -> None:
        """Start it, and do not wait for it."""
        arguments = ("prefect", "server", "start", "--no-services", "--port", str(self.port))
        self.processes.start("server", "tests.crash.bound", str(os.getpid()), *arguments)
        self.is_up = True

    def ready(self) -> None:
        """Wait until it answers."""
        self.processes.wait_until("server", lambda: responds(f"{self.api_url}/health"))

    def kill(self) -> None:
        """End it as a crash would."""
        if self.is_up:
            self.processes.end("server", kill=True)
            self.is_up = False

    def revive(self) -> None:
        """Start it again, if it is not there, and wait for it."""
        if not self.is_up:
            self.begin()
            self.ready()

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Let Prefect's own functions speak to it."""
        updates = {PREFECT_API_URL: self.api_url, PREFECT_HOME: self.home / "prefect"}
        with _BLOCKS, temporary_settings(updates=updates):
            yield


@dataclass
class PrefectServer:
    """See the module.

    Attributes:
        process: The server itself.
        client: A connection to it.
        lane: Name of the lane, which is part of the slugs of its blocks.
        deployments: Ids by flow name.
        entrypoints: Entrypoints by deployment.
    """

    process: ServerProcess
    client: SyncPrefectClient
    lane: str
    deployments: dict[str, UUID] = field(default_factory=dict)
    entrypoints: dict[UUID, str] = field(default_factory=dict)
    _named: dict[str, set[str]] = field(default_factory=dict)

    def deploy(self, flow: Flow[Any, Any], entrypoint: str, fixed_name: str | None, stores: Iterable[str]) -> None:
        """Deploy one flow. A sensor gets a schedule that is active, and far away: the lane ticks.

        Args:
            flow: The flow.
            entrypoint: Where it is.
            fixed_name: The name under which flows start it, None for the lane's own.
            stores: The lane's stores, for a sensor.
        """
        schema = parameter_schema(flow)
        is_sensor = "stores" in schema.properties
        schedule = DeploymentScheduleCreate(schedule=CronSchedule(cron=_ONCE_A_YEAR, timezone="UTC"), active=True)
        self._named[flow.name] = set(schema.properties)
        deployment = self.client.create_deployment(
            flow_id=self.client.create_flow_from_name(flow.name),
            name=self.lane if is_sensor or fixed_name is None else fixed_name,
            entrypoint=entrypoint,
            work_pool_name=WORK_POOL,
            parameters={"stores": list(stores)} if is_sensor else {},
            parameter_openapi_schema=schema.model_dump(),
            # Checked against the form at every start otherwise, which is most of what a start costs the server.
            enforce_parameter_schema=False,
            schedules=[schedule] if is_sensor else [],
        )
        self.deployments[flow.name] = deployment
        self.entrypoints[deployment] = entrypoint

    # Flow runs

    def schedule(self, flow: str, parameters: dict[str, Any]) -> UUID:
        """Start a run of a deployment, as a schedule or a person would; what the flow has no field for is left."""
        fitting = {key: value for key, value in parameters.items() if key in self._named[flow]}
        run = self.client.create_flow_run_from_deployment(
            self.deployments[flow], parameters=fitting, state=Scheduled()
        )
        return run.id

    def admit(self, run: UUID) -> bool:
        """Let a run begin, as a worker does. Tells whether the server lets it."""
        return self.client.set_flow_run_state(run, Pending()).status == SetStateStatus.ACCEPT

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
        """Runs of this lane's stores that have not ended, oldest first."""
        open_states = FlowRunFilterState(type=FlowRunFilterStateType(any_=_OPEN))
        found = self.client.read_flow_runs(flow_run_filter=FlowRunFilter(state=open_states))
        return sorted(filter(self._is_mine, found), key=lambda run: run.created or datetime.now(UTC))

    def forget_runs(self) -> None:
        """Leave no open run behind."""
        for run in self.open_runs():
            self.client.delete_flow_run(run.id)

    def _is_mine(self, run: FlowRun) -> bool:
        given = run.parameters
        stores = [given.get("store"), *given.get("stores", [])]
        return any(str(store).partition("/")[2].startswith(self.lane) for store in stores)
