"""Resumes a suspended run, as far as its deployment's limit on runs at once lets it start."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import httpx
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.logging import get_run_logger
from prefect.states import Scheduled

from tuneloop.orchestration.forms import is_there
from tuneloop.orchestration.stalled_runs import Watcher, is_asleep
from tuneloop.sensor.transitions import PendingRun

AT_ONCE = 100
"""How many runs one tick starts again: the others are met at the next one."""
_ACTIVE = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING, StateType.SCHEDULED]
_LOOKED_AT = 20


@dataclass
class ResumeResult:
    """What a tick has done about runs.

    Attributes:
        resumed: Runs that slept and go on.
        continued: Runs that are gone, whose work another one continues.
        closed: Runs that are gone and had nothing left to do.
        problems: What a person has to mend.
    """

    resumed: int = 0
    continued: int = 0
    closed: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Whether something was done."""
        return bool(self.resumed or self.continued or self.closed)


class Waker:
    """Resumes runs of one tick.

    Args:
        watcher: The server at this tick.
        woken: Counts what was done.
    """

    def __init__(self, watcher: Watcher, woken: ResumeResult) -> None:
        self.watcher, self.woken = watcher, woken
        self._may_start: dict[UUID, bool] = {}

    def resume(self, run: FlowRun | None, story: PendingRun) -> None:
        """Resume a run, if it sleeps and does not wait for a person."""
        if run is None or not is_asleep(run) or self.woken.resumed >= AT_ONCE:
            return
        if story.asks and not _is_yet_to_ask(run, story) and not self._has_lost_its_form(run):
            return
        if not self._may(run):
            get_run_logger().info("run %s is woken when no other run of its deployment is at work", run.name)
            return
        try:
            if self._resumed(run):
                self.woken.resumed += 1
        except httpx.HTTPError as error:
            get_run_logger().info("run %s was not resumed, the next tick asks again: %s", run.name, error)

    def _has_lost_its_form(self, run: FlowRun) -> bool:
        """Tell whether nobody can answer what a run asks. It asks again from the top."""
        keys = run.state.state_details.run_input_keyset if run.state is not None else None
        if keys is None or is_there(self.watcher.client, run.id, keys):
            return False
        get_run_logger().warning("run %s asks a person, and its form is gone: it is woken to ask again", run.name)
        return True

    def _resumed(self, run: FlowRun) -> bool:
        """Ask the server. Returns whether it has accepted that."""
        client = self.watcher.client
        if run.state is not None and run.state.state_details.run_input_keyset is None:
            return client.resume_flow_run(run.id).status == SetStateStatus.ACCEPT
        # Somebody else has answered what this run asks: its form would never be filled in.
        state: State[None] = Scheduled(name="Resuming")
        return client.set_flow_run_state(run.id, state).status == SetStateStatus.ACCEPT

    def _may(self, run: FlowRun) -> bool:
        """Take the place of a run under its deployment's limit: Prefect may cancel whoever finds none."""
        deployment = self.watcher.deployment(run)
        limit = deployment.global_concurrency_limit if deployment else None
        if deployment is None or limit is None or not limit.active:
            return True
        if deployment.id not in self._may_start:
            self._may_start[deployment.id] = not self._is_busy(deployment.id)
        may, self._may_start[deployment.id] = self._may_start[deployment.id], False
        return may

    def _is_busy(self, deployment: UUID) -> bool:
        found = self.watcher.client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_ACTIVE)),
                expected_start_time=FlowRunFilterExpectedStartTime(before_=self.watcher.at),
            ),
            limit=_LOOKED_AT,
        )
        standstills = [self.watcher.standstill(run) for run in found]
        return any(standstill is None or not standstill.over for standstill in standstills)


def _is_yet_to_ask(run: FlowRun, story: PendingRun) -> bool:
    """Tell whether a person is to be asked in this run, and it sleeps over something else: it has no form yet."""
    has_a_form = run.state is not None and run.state.state_details.run_input_keyset is not None
    return not has_a_form and story.asker in {None, story.run.flow_run}
