"""What the server knows of flow runs: read in pages, cancelled by whom, and standing still."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.exceptions import ObjectNotFound

from tuneloop.ledger.ledger import Ledger

_PAGE = 200
"""As many as the server returns at a time."""
NOTIFY_AFTER = timedelta(minutes=10)
"""More than three heartbeats of Prefect's default, and far more than a worker needs."""
CONTINUE_AFTER = timedelta(minutes=30)
"""After that another run goes on. Should this one live after all, the ledger keeps them apart."""
_CANCELLED_BY_PREFECT = ("concurrency limit", "concurrency slot", "no longer exists", "timed out", "shutting down")
"""What Prefect says where nobody has cancelled anything."""
_ALIVE = {StateType.RUNNING, StateType.PAUSED}
_Item = TypeVar("_Item")


def paged(read: Callable[[int, int], list[_Item]]) -> Iterator[_Item]:
    """Everything that a query finds, of which `read` returns a page by its limit and its offset."""
    offset = 0
    while page := read(_PAGE, offset):
        yield from page
        if len(page) < _PAGE:
            return
        offset += len(page)


def pages(items: list[_Item]) -> Iterator[list[_Item]]:
    """Items, as many at a time as the server returns."""
    for start in range(0, len(items), _PAGE):
        yield items[start : start + _PAGE]


def read_runs(client: SyncPrefectClient, which: FlowRunFilter) -> Iterator[FlowRun]:
    """Every run that a filter finds."""
    return paged(lambda limit, offset: client.read_flow_runs(flow_run_filter=which, limit=limit, offset=offset))


def runs_by_id(
    client: SyncPrefectClient, flow_runs: Iterable[str], state: FlowRunFilterState | None = None
) -> dict[str, FlowRun]:
    """Those of some runs that the server has, by their ids; an id that is none finds nothing."""
    ids = []
    for flow_run in dict.fromkeys(flow_runs):
        with suppress(ValueError):
            ids.append(UUID(flow_run))
    which = [FlowRunFilter(id=FlowRunFilterId(any_=page), state=state) for page in pages(ids)]
    return {str(run.id): run for each in which for run in client.read_flow_runs(flow_run_filter=each, limit=_PAGE)}


def find_runs(
    client: SyncPrefectClient,
    deployments: Iterable[DeploymentResponse | UUID],
    limit: int,
    *,
    types: list[StateType] | None = None,
    names: list[str] | None = None,
    after: datetime | None = None,
    before: datetime | None = None,
    newest_first: bool = False,
) -> list[FlowRun]:
    """Runs of some deployments, by type or name of state and by when they are due; the first due first."""
    ids = [one if isinstance(one, UUID) else one.id for one in deployments]
    due = FlowRunFilterExpectedStartTime(after_=after, before_=before) if after or before else None
    state = FlowRunFilterState(
        type=FlowRunFilterStateType(any_=types) if types else None,
        name=FlowRunFilterStateName(any_=names) if names else None,
    )
    order = FlowRunSort.EXPECTED_START_TIME_DESC if newest_first else FlowRunSort.EXPECTED_START_TIME_ASC
    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=ids)),
        flow_run_filter=FlowRunFilter(state=state if types or names else None, expected_start_time=due),
        sort=order,
        limit=limit,
    )


def note_cancelled(client: SyncPrefectClient, ledger: Ledger, flow_runs: list[str]) -> set[str]:
    """Remember in the store which runs a person has cancelled: they may be deleted from the server later.

    Returns those of the runs that were cancelled, whenever that was.
    """
    cancelled = ledger.cancelled().intersection(flow_runs) if flow_runs else set()
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLED]))
    for flow_run, run in runs_by_id(client, flow_runs, state).items():
        if flow_run not in cancelled and is_cancelled_by_hand(client, run):
            ledger.remember_cancelled(flow_run)
            cancelled.add(flow_run)
    return cancelled


def is_cancelled_by_hand(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Return True if a run was cancelled by a person, and not by Prefect itself."""
    if run.state is None or run.state.type != StateType.CANCELLED:
        return False
    before: set[StateType] = set()
    for state in sorted(client.read_flow_run_states(run.id), key=lambda state: state.timestamp)[:-1]:
        # A run that was cancelled and retried begins anew.
        before = set() if state.is_final() else before | {state.type}
    if StateType.CANCELLING in before:
        return True  # Prefect does not begin with that
    message = (run.state.message or "").lower()
    return bool(before & _ALIVE) and not any(own in message for own in _CANCELLED_BY_PREFECT)


@dataclass(frozen=True)
class Standstill:
    """A run that was started or resumed, or is at work, as Prefect has it, and does not move."""

    since: datetime
    reason: str
    """What is to be seen and what to do."""
    is_lost: bool
    """Another run is to go on."""


class Watcher:
    """Inspects runs as the server has them at one moment."""

    def __init__(self, client: SyncPrefectClient, at: datetime) -> None:
        self.client, self.at = client, at
        self._deployments: dict[UUID, DeploymentResponse | None] = {}

    def standstill(self, run: FlowRun | None) -> Standstill | None:
        """How a run stands still, None where it does not: one that is suspended or has ended does not."""
        if run is None or run.state is None or run.state.is_final() or is_suspended(run):
            return None
        if run.state.type == StateType.SCHEDULED and self._is_in_no_queue(run):
            reason = f"run {run.name} is in no work queue, so no worker will pick it up"
            return Standstill(run.state.timestamp, reason, is_lost=True)
        since = self._last_sign(run, run.state)
        if self.at - since < NOTIFY_AFTER:
            return None
        minutes = f"{(self.at - since).total_seconds() / 60:.0f} minutes"
        is_lost = self.at - since >= CONTINUE_AFTER and run.state.type != StateType.PAUSED
        return Standstill(since, _reason(run, run.state, minutes), is_lost)

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
        if state.type == StateType.RUNNING and self.at - since >= NOTIFY_AFTER:
            return max(since, self._last_heartbeat(run) or since)
        return since

    def _last_heartbeat(self, run: FlowRun) -> datetime | None:
        which = EventFilter(
            occurred=EventOccurredFilter(since=self.at - CONTINUE_AFTER, until=self.at),
            event=EventNameFilter(name=["prefect.flow-run.heartbeat"]),
            resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
        )
        found = self.client.read_events(which, limit=1).events
        return found[0].occurred if found else None


def is_suspended(run: FlowRun) -> bool:
    """Return True if a run is suspended."""
    return run.state is not None and run.state.name == "Suspended"


def _reason(run: FlowRun, state: State, minutes: str) -> str:
    if state.type == StateType.RUNNING:
        return f"run {run.name} is Running and has sent no heartbeat for {minutes}; is its worker down?"
    if state.type == StateType.PAUSED:
        return f"run {run.name} has been {state.name} for {minutes} and has work to do; resume it"
    if state.type == StateType.CANCELLING:
        return f"run {run.name} has been cancelling for {minutes}; is its worker down?"
    pool = f" on pool {run.work_pool_name}" if run.work_pool_name else ""
    return f"run {run.name} was resumed {minutes} ago and has not started ({state.name}); is a worker up{pool}?"
