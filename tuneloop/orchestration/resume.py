"""Resume suspended runs, as far as their deployments' limits on runs at once let them start."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import httpx
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.logging import get_run_logger
from prefect.states import Scheduled

from tuneloop.orchestration.run_queries import Watcher, find_runs, is_suspended
from tuneloop.orchestration.suspend import has_form
from tuneloop.sensor.transitions import PendingRun

AT_ONCE = 100
"""How many runs one tick starts again: the others are met at the next one."""
_ACTIVE = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING, StateType.SCHEDULED]
_CHECKED = 20


@dataclass
class ResumeResult:
    """What a tick has done about runs.

    Attributes:
        resumed: Suspended runs that go on.
        continued: Lost runs that another one continues.
        closed: Lost runs that had nothing left to do.
        problems: What needs a manual fix.
    """

    resumed: int = 0
    continued: int = 0
    closed: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Return True if something was done."""
        return bool(self.resumed or self.continued or self.closed)


class Resumer:
    """Resumes runs of one tick, and counts what was done in `result`."""

    def __init__(self, watcher: Watcher, result: ResumeResult) -> None:
        self.watcher, self.result = watcher, result
        self._may_start: dict[UUID, bool] = {}

    def resume(self, run: FlowRun | None, pending: PendingRun) -> None:
        """Resume a run, if it is suspended and does not wait for a form."""
        if run is None or not is_suspended(run) or self.result.resumed >= AT_ONCE:
            return
        if pending.awaits_review and not _is_yet_to_ask(run, pending) and not self._has_lost_its_form(run):
            return
        if not self._may(run):
            get_run_logger().info("run %s is resumed when no other run of its deployment is at work", run.name)
            return
        try:
            if self._resumed(run):
                self.result.resumed += 1
        except httpx.HTTPError as error:
            get_run_logger().info("run %s was not resumed, the next tick asks again: %s", run.name, error)

    def _has_lost_its_form(self, run: FlowRun) -> bool:
        """Return True if the form of a run is gone. It asks again from the top."""
        keys = run.state.state_details.run_input_keyset if run.state is not None else None
        if keys is None or has_form(self.watcher.client, run.id, keys):
            return False
        get_run_logger().warning("run %s waits for a form that is gone: it is resumed to ask again", run.name)
        return True

    def _resumed(self, run: FlowRun) -> bool:
        client = self.watcher.client
        if run.state is not None and run.state.state_details.run_input_keyset is None:
            return client.resume_flow_run(run.id).status == SetStateStatus.ACCEPT
        # What this run asks was answered elsewhere: its form would never be filled in.
        state: State[None] = Scheduled(name="Resuming")
        return client.set_flow_run_state(run.id, state).status == SetStateStatus.ACCEPT

    def _may(self, run: FlowRun) -> bool:
        """Take a place under the limit of a run's deployment: Prefect may cancel a run that finds none."""
        deployment = self.watcher.deployment(run)
        limit = deployment.global_concurrency_limit if deployment else None
        if deployment is None or limit is None or not limit.active:
            return True
        if deployment.id not in self._may_start:
            self._may_start[deployment.id] = not self._is_busy(deployment.id)
        may, self._may_start[deployment.id] = self._may_start[deployment.id], False
        return may

    def _is_busy(self, deployment: UUID) -> bool:
        at = self.watcher.at
        found = find_runs(self.watcher.client, [deployment], _CHECKED, types=_ACTIVE, before=at)
        standstills = [self.watcher.standstill(run) for run in found]
        return any(standstill is None or not standstill.is_lost for standstill in standstills)


def _is_yet_to_ask(run: FlowRun, pending: PendingRun) -> bool:
    """Return True if this run is to ask, and is suspended over something else: it has no form yet."""
    has_a_form = run.state is not None and run.state.state_details.run_input_keyset is not None
    return not has_a_form and pending.asking_run in {None, pending.run.flow_run}
