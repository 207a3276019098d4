"""Resume the runs that have something to do, and continue lost ones: once for each training and plan."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.states import Scheduled

from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.events import emit_stuck
from tuneloop.orchestration.run_queries import (
    Watcher,
    find_runs,
    is_cancelled_by_hand,
    is_suspended,
    pages,
    read_runs,
    runs_by_id,
)
from tuneloop.orchestration.suspend import has_form
from tuneloop.schemas.training import job_name
from tuneloop.sensor.continuing import Try, mark_notified, next_continuation, record_try
from tuneloop.sensor.transitions import PendingRun
from tuneloop.storage.page_link import RENEWED_AFTER, SIGNED

CONTINUING = "continue-training/recovery"
"""The deployment whose runs continue what others have left."""
_AT_ONCE = 100
"""How many runs one tick resumes, and how many it continues: the others are met at the next one."""
_ACTIVE = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING, StateType.SCHEDULED]
_CHECKED = 20

_Lost = tuple[PendingRun, FlowRun | None]
"""A run that does not go on by itself, and how the server has it; None where it was deleted."""


@dataclass
class ResumeResult:
    """What a tick has done about runs."""

    resumed: int = 0
    continued: int = 0
    """Lost runs that another one continues."""
    closed: int = 0
    """Lost runs that had nothing left to do."""
    problems: list[str] = field(default_factory=list)


def resume_runs(
    client: SyncPrefectClient, ledger: Ledger, store_slug: str, pending: list[PendingRun], at: datetime
) -> ResumeResult:
    """Resume the runs that are suspended, and have others continue those that are lost or stand still.

    What fails here is tried again at the next tick, and keeps no other run suspended.
    """
    resumer = _Resumer(Watcher(client, at), ResumeResult())
    recovery = _Recovery(resumer, ledger, store_slug)
    readable = [item for item in pending if _has_an_id(item, resumer.result)]
    # Runs that want the same stand together: one of them is enough.
    for page in pages(sorted(readable, key=lambda item: item.work)):
        recovery.go_through(page, runs_by_id(client, [item.run.flow_run for item in page]))
    return resumer.result


def _has_an_id(pending: PendingRun, result: ResumeResult) -> bool:
    try:
        UUID(pending.run.flow_run)
    except ValueError:
        name = f"runs/{pending.run.flow_run}.json"
        result.problems.append(f"{name} names no flow run of Prefect; restore the file from a backup")
        return False
    return True


class _Resumer:
    """Resumes suspended runs in one tick, as far as their deployments' limits on runs at once let them start."""

    def __init__(self, watcher: Watcher, result: ResumeResult) -> None:
        self.watcher, self.result = watcher, result
        self._may_start: dict[UUID, bool] = {}
        self._resumed: set[UUID] = set()

    def resume(self, run: FlowRun | None, pending: PendingRun) -> None:
        """Resume a run, if it is suspended and does not wait for a form."""
        if run is None or not is_suspended(run) or self.result.resumed >= _AT_ONCE:
            return
        if run.id in self._resumed:  # it waits for several trainings
            return
        asks = pending.awaits_review and not _is_yet_to_ask(run, pending)
        if asks and not self._has_lost_its_form(run) and not self._links_to_what_ends(run):
            return
        if not self._may(run):
            get_run_logger().info("run %s is resumed once no other run of its deployment is active", run.name)
            return
        try:
            self.result.resumed += self._is_accepted(run)
            self._resumed.add(run.id)
        except httpx.HTTPError as error:
            get_run_logger().info("run %s was not resumed, the next tick tries again: %s", run.name, error)

    def _has_lost_its_form(self, run: FlowRun) -> bool:
        keys = run.state.state_details.run_input_keyset if run.state is not None else None
        if keys is None or has_form(self.watcher.client, run.id, keys):
            return False
        get_run_logger().warning(
            "run %s waits for a form that no longer exists: it is resumed and shows a new one", run.name
        )
        return True

    def _links_to_what_ends(self, run: FlowRun) -> bool:
        """Return True if a run has shown a signed link for so long that it is to ask again, with a new one."""
        signed = run.state is not None and SIGNED in (run.state.message or "")
        return signed and run.state is not None and self.watcher.at - run.state.timestamp > RENEWED_AFTER

    def _is_accepted(self, run: FlowRun) -> bool:
        """Ask the server to resume a run; it may have been resumed elsewhere."""
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


class _Recovery:
    """One tick's work on the runs of a store."""

    def __init__(self, resumer: _Resumer, ledger: Ledger, store_slug: str) -> None:
        self._resumer, self._watcher, self._result = resumer, resumer.watcher, resumer.result
        self._ledger, self._store_slug = ledger, store_slug

    def go_through(self, page: list[PendingRun], runs: dict[str, FlowRun]) -> None:
        """Resume some runs, and recover those that are lost."""
        lost: list[_Lost] = []
        busy: set[str] = set()
        for pending in page:
            run = runs.get(pending.run.flow_run)
            try:
                is_lost = self._is_lost(run, pending)
                if pending.submitting:
                    if not pending.early:
                        self._resumer.resume(run, pending)
                elif is_lost:
                    lost.append((pending, run))
                else:
                    busy.add(pending.work)
                    self._resumer.resume(run, pending)
            except httpx.HTTPError as error:
                self._result.problems.append(f"run {pending.run.flow_run}: {error}")
        if lost:
            self._recover(lost, busy)

    def _is_lost(self, run: FlowRun | None, pending: PendingRun | None) -> bool:
        """Return True if a run does not go on by itself; `pending` is None for one that continues another.

        A run that stands still is reported, by an event too where it has something to do itself.
        """
        if run is None or run.state is None or run.state.is_final():
            return True
        standstill = self._watcher.standstill(run)
        if standstill is not None and not (pending and pending.ended):
            self._result.problems.append(standstill.reason)
            if pending is not None:
                emit_stuck(pending.run, standstill.reason, standstill.since.isoformat())
        return standstill is not None and standstill.is_lost

    def _recover(self, lost: list[_Lost], busy: set[str]) -> None:
        """Close what has ended, and see that the rest is continued; `busy` is what living runs work on."""
        others = self._continuing(lost)
        left: dict[str, list[PendingRun]] = defaultdict(list)
        cancelled: dict[str, PendingRun] = {}
        for pending, run in lost:
            continuing = others[_tag(pending)]
            alive = [other for other in continuing if not self._is_lost(other, None)]
            if alive:
                busy.add(pending.work)
                # Also at its end: a run that is suspended over it takes the marker away, or would stay so.
                for other in alive:
                    self._resumer.resume(other, pending)
            elif pending.ended:
                self._ledger.unmark(pending.run)
                self._result.closed += 1
            elif self._was_cancelled(pending, [run, *continuing]):
                cancelled.setdefault(pending.run.flow_run, pending)  # one run finishes all of its trainings
            else:
                left[pending.work].append(pending)
        for pending in cancelled.values():
            self._try(pending, cancelled=True)
        for work, waiting in left.items():
            leader = _leader(waiting, busy=work in busy)
            if leader is not None:
                self._try(leader, cancelled=False)

    def _continuing(self, lost: list[_Lost]) -> dict[str, list[FlowRun]]:
        """The runs that were started to continue lost ones, by their tags."""
        others: dict[str, list[FlowRun]] = defaultdict(list)
        tags = FlowRunFilterTags(any_=[_tag(pending) for pending, _ in lost])
        for other in read_runs(self._watcher.client, FlowRunFilter(tags=tags)):
            for tag in other.tags:
                others[tag].append(other)
        return others

    def _was_cancelled(self, pending: PendingRun, runs: list[FlowRun | None]) -> bool:
        if self._ledger.is_cancelled(pending.run.flow_run):
            return True
        if any(is_cancelled_by_hand(self._watcher.client, run) for run in runs if run is not None):
            self._ledger.remember_cancelled(pending.run.flow_run)
            return True
        return False

    def _try(self, pending: PendingRun, *, cancelled: bool) -> None:
        """Make the next try to continue a run, if it is time; report it where none is left."""
        made = next_continuation(self._ledger, pending, self._watcher.at, cancelled=cancelled)
        if made.exhausted and not made.notified:
            job = job_name(pending.run.key, pending.run.attempt)
            why = (
                f"{job} of model {pending.run.model}: {made.number - 1} runs in a row could not continue run "
                f"{pending.run.flow_run}; read the last one's log, fix the cause, and start the model's run again"
            )
            self._result.problems.append(why)
            emit_stuck(pending.run, why, made.folder)
            mark_notified(self._ledger, made)
        elif made.due and self._result.continued < _AT_ONCE:
            self._continue(pending, made, cancelled=cancelled)

    def _continue(self, pending: PendingRun, made: Try, *, cancelled: bool) -> None:
        """Start a run that continues another one. The same try is the same run, however many ticks make it."""
        flow_run, client = pending.run.flow_run, self._watcher.client
        try:
            deployment = client.read_deployment_by_name(CONTINUING)
            run = client.create_flow_run_from_deployment(
                deployment.id,
                parameters={"flow_run": flow_run, "store": self._store_slug, "cancelled": cancelled},
                tags=[_tag(pending)],
                idempotency_key=f"{made.folder}{made.number}",
            )
        except ObjectNotFound:
            self._result.problems.append(
                f"run {flow_run} is lost and its training goes on, but there is no deployment {CONTINUING} "
                "to continue it: run `tuneloop deploy`"
            )
        except httpx.HTTPError as error:
            get_run_logger().info("run %s is not continued yet, the next tick tries again: %s", flow_run, error)
        else:
            record_try(self._ledger, made, str(run.id))
            self._result.continued += 1
            get_run_logger().info("run %s is lost: another one continues %s", flow_run, pending.run.model)


def _leader(waiting: list[PendingRun], *, busy: bool) -> PendingRun | None:
    """Choose the run that is continued for all that want the same; None where a living one does it.

    One run asks for a manual decision, and only that one: the others wait for it.
    """
    asker = next((pending for pending in waiting if pending.run.flow_run == pending.asking_run), None)
    if asker is not None:
        return asker
    return None if busy else min(waiting, key=lambda pending: pending.run.created_at)


def _tag(pending: PendingRun) -> str:
    return f"continues:{pending.run.flow_run}"
