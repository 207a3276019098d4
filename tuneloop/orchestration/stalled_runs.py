"""Runs that stand still: started, woken or at work as Prefect has it, and nothing of the kind in truth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.exceptions import ObjectNotFound

TOLD_AFTER = timedelta(minutes=10)
"""More than three heartbeats of Prefect's default, and far more than a worker needs."""
CONTINUED_AFTER = timedelta(minutes=30)
"""After that another run goes on. Should this one live after all, the ledger keeps them apart."""


@dataclass(frozen=True)
class Standstill:
    """A run that stands still.

    Attributes:
        run: The run.
        since: Since when.
        why: What is to be seen and what to do.
        over: Another run is to go on.
    """

    run: FlowRun
    since: datetime
    why: str
    over: bool


class Watcher:
    """Looks at runs as the server has them at one moment.

    Args:
        client: The server.
        at: The moment.
    """

    def __init__(self, client: SyncPrefectClient, at: datetime) -> None:
        self.client, self.at = client, at
        self._deployments: dict[UUID, DeploymentResponse | None] = {}

    def standstill(self, run: FlowRun | None) -> Standstill | None:
        """Tell whether a run stands still; one that sleeps or has ended does not."""
        if run is None or run.state is None or run.state.is_final() or is_asleep(run):
            return None
        if run.state.type == StateType.SCHEDULED and self._is_in_no_queue(run):
            why = f"run {run.name} is in no work queue, so that no worker ever takes it"
            return Standstill(run, run.state.timestamp, why, over=True)
        since = self._last_sign(run, run.state)
        if self.at - since < TOLD_AFTER:
            return None
        minutes = f"{(self.at - since).total_seconds() / 60:.0f} minutes"
        over = self.at - since >= CONTINUED_AFTER and run.state.type != StateType.PAUSED
        return Standstill(run, since, _spelled(run, run.state, minutes), over)

    def deployment(self, run: FlowRun) -> DeploymentResponse | None:
        """The deployment of a run, None where it has none or it is gone."""
        if run.deployment_id is None:
            return None
        if run.deployment_id not in self._deployments:
            try:
                self._deployments[run.deployment_id] = self.client.read_deployment(run.deployment_id)
            except ObjectNotFound:
                self._deployments[run.deployment_id] = None
        return self._deployments[run.deployment_id]

    def _is_in_no_queue(self, run: FlowRun) -> bool:
        # A deployment that is served by a process has no queue either, and needs none.
        deployment = self.deployment(run) if run.work_queue_id is None else None
        return deployment is not None and deployment.work_queue_name is not None

    def _last_sign(self, run: FlowRun, state: State) -> datetime:
        since = state.timestamp
        if state.type == StateType.SCHEDULED and state.state_details.scheduled_time is not None:
            return max(since, state.state_details.scheduled_time)
        if state.type == StateType.RUNNING and self.at - since >= TOLD_AFTER:
            return max(since, self._last_heartbeat(run) or since)
        return since

    def _last_heartbeat(self, run: FlowRun) -> datetime | None:
        which = EventFilter(
            occurred=EventOccurredFilter(since=self.at - CONTINUED_AFTER, until=self.at),
            event=EventNameFilter(name=["prefect.flow-run.heartbeat"]),
            resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
        )
        found = self.client.read_events(which, limit=1).events
        return found[0].occurred if found else None


def is_asleep(run: FlowRun) -> bool:
    """Tell whether a run is suspended."""
    return run.state is not None and run.state.name == "Suspended"


def _spelled(run: FlowRun, state: State, minutes: str) -> str:
    if state.type == StateType.RUNNING:
        return f"run {run.name} is Running and has given no sign of life for {minutes}; is its worker gone?"
    if state.type == StateType.PAUSED:
        return f"run {run.name} has been {state.name} for {minutes} and has something to do; resume it"
    if state.type == StateType.CANCELLING:
        return f"run {run.name} is being cancelled since {minutes}; is its worker gone?"
    pool = f" on pool {run.work_pool_name}" if run.work_pool_name else ""
    return f"run {run.name} was woken {minutes} ago and has not started ({state.name}); is a worker up{pool}?"
