"""Resume the runs that have something to do, and continue lost ones: once for each training and plan."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger

from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.events import emit_stuck
from tuneloop.orchestration.resume import AT_ONCE, Resumer, ResumeResult
from tuneloop.orchestration.run_queries import (
    Standstill,
    Watcher,
    ids_of,
    is_cancelled_by_hand,
    pages,
    read_runs,
)
from tuneloop.schemas.training import job_name
from tuneloop.sensor.continuing import Try, mark_notified, next_continuation, record_try
from tuneloop.sensor.transitions import PendingRun

CONTINUING = "continue-training/recovery"
"""The deployment whose runs continue what others have left."""

Lost = tuple[PendingRun, FlowRun | None]
"""A run that does not go on by itself, and how the server has it; None where it was deleted."""


def resume_runs(
    client: SyncPrefectClient, ledger: Ledger, store_slug: str, pending: list[PendingRun], at: datetime
) -> ResumeResult:
    """Resume the runs that are suspended, and have others continue those that are lost or stand still.

    What fails here is tried again at the next tick, and keeps no other run suspended.

    Args:
        client: The server.
        ledger: Where the markers are.
        store_slug: Slug of its store's block.
        pending: What the tick has found.
        at: When the tick polls.
    """
    result = ResumeResult()
    recovery = _Recovery(Resumer(Watcher(client, at), result), ledger, store_slug)
    readable = [item for item in pending if _has_an_id(item, result)]
    # Runs that want the same stand together: one of them is enough.
    for page in pages(sorted(readable, key=lambda item: item.work)):
        which = FlowRunFilter(id=ids_of(item.run.flow_run for item in page))
        recovery.go_through(page, {str(run.id): run for run in read_runs(client, which)})
    return result


def _has_an_id(pending: PendingRun, result: ResumeResult) -> bool:
    try:
        UUID(pending.run.flow_run)
    except ValueError:
        result.problems.append(
            f"runs/{pending.run.flow_run}.json names no flow run of Prefect; restore the file from a backup"
        )
        return False
    return True


class _Recovery:
    """One tick's work on the runs of a store."""

    def __init__(self, resumer: Resumer, ledger: Ledger, store_slug: str) -> None:
        self.resumer, self.watcher, self.result = resumer, resumer.watcher, resumer.result
        self.ledger, self.store_slug = ledger, store_slug

    def go_through(self, page: list[PendingRun], runs: dict[str, FlowRun]) -> None:
        """Resume some runs, and recover those that are lost."""
        lost: list[Lost] = []
        busy: set[str] = set()
        for pending in page:
            run = runs.get(pending.run.flow_run)
            try:
                if pending.submitting:
                    self._report_standstill(run, pending)
                    if not pending.early:
                        self.resumer.resume(run, pending)
                elif self._is_lost(run, pending):
                    lost.append((pending, run))
                else:
                    busy.add(pending.work)
                    self.resumer.resume(run, pending)
            except httpx.HTTPError as error:
                self.result.problems.append(f"run {pending.run.flow_run}: {error}")
        if lost:
            self._recover(lost, busy)

    def _is_lost(self, run: FlowRun | None, pending: PendingRun) -> bool:
        if run is None or run.state is None or run.state.is_final():
            return True
        standstill = self._report_standstill(run, pending)
        return standstill is not None and standstill.is_lost

    def _report_standstill(self, run: FlowRun | None, pending: PendingRun) -> Standstill | None:
        standstill = self.watcher.standstill(run)
        if standstill is not None and not pending.ended:
            self.result.problems.append(standstill.reason)
            emit_stuck(pending.run, standstill.reason, standstill.since.isoformat())
        return standstill

    def _recover(self, lost: list[Lost], busy: set[str]) -> None:
        """Close what has ended, and see that the rest is continued; `busy` is what living runs work on."""
        others = self._continuing(lost)
        left: dict[str, list[PendingRun]] = {}
        for pending, run in lost:
            continuing = others.get(_tag(pending), [])
            alive = [other for other in continuing if not self._is_finished(other)]
            if alive:
                busy.add(pending.work)
                # Also at its end: a run that is suspended over it takes the marker away, or would stay so.
                for other in alive:
                    self.resumer.resume(other, pending)
            elif pending.ended:
                self.ledger.unmark(pending.run)
                self.result.closed += 1
            elif self._was_cancelled(pending, [run, *continuing]):
                self._try(pending, cancelled=True)
            else:
                left.setdefault(pending.work, []).append(pending)
        for work, waiting in left.items():
            leader = _leader(waiting, busy=work in busy)
            if leader is not None:
                self._try(leader, cancelled=False)

    def _continuing(self, lost: list[Lost]) -> dict[str, list[FlowRun]]:
        """The runs that were started to continue some others, by their tags."""
        others: dict[str, list[FlowRun]] = {}
        tags = FlowRunFilterTags(any_=[_tag(pending) for pending, _ in lost])
        for other in read_runs(self.watcher.client, FlowRunFilter(tags=tags)):
            for tag in other.tags:
                others.setdefault(tag, []).append(other)
        return others

    def _is_finished(self, run: FlowRun) -> bool:
        if run.state is None or run.state.is_final():
            return True
        standstill = self.watcher.standstill(run)
        if standstill is not None:
            self.result.problems.append(standstill.reason)
        return standstill is not None and standstill.is_lost

    def _was_cancelled(self, pending: PendingRun, runs: list[FlowRun | None]) -> bool:
        """Return True if a person has cancelled a run, or one that continued it."""
        if self.ledger.is_cancelled(pending.run.flow_run):
            return True
        if any(is_cancelled_by_hand(self.watcher.client, run) for run in runs if run is not None):
            self.ledger.remember_cancelled(pending.run.flow_run)
            return True
        return False

    def _try(self, pending: PendingRun, *, cancelled: bool) -> None:
        """Make the next try to continue a run, if it is time; report it where none is left."""
        made = next_continuation(self.ledger, pending, self.watcher.at, cancelled=cancelled)
        if made.exhausted and not made.notified:
            job = job_name(pending.run.key, pending.run.attempt)
            why = (
                f"{job} of model {pending.run.model}: {made.number - 1} runs in a row could not continue run "
                f"{pending.run.flow_run}; read the last one's log, fix the cause, and start the model's run again"
            )
            self.result.problems.append(why)
            emit_stuck(pending.run, why, made.folder)
            mark_notified(self.ledger, made)
        elif made.due and self.result.continued < AT_ONCE:
            self._continue(pending, made, cancelled=cancelled)

    def _continue(self, pending: PendingRun, made: Try, *, cancelled: bool) -> None:
        """Start a run that continues another one. The same try is the same run, however many ticks make it."""
        flow_run, client = pending.run.flow_run, self.watcher.client
        try:
            deployment = client.read_deployment_by_name(CONTINUING)
            run = client.create_flow_run_from_deployment(
                deployment.id,
                parameters={"flow_run": flow_run, "store": self.store_slug, "cancelled": cancelled},
                tags=[_tag(pending)],
                idempotency_key=f"{made.folder}{made.number}",
            )
        except ObjectNotFound:
            self.result.problems.append(
                f"run {flow_run} is gone and its training goes on, but there is no deployment {CONTINUING} "
                "to continue it: run `tuneloop deploy`"
            )
            return
        except httpx.HTTPError as error:
            get_run_logger().info("run %s is not continued yet, the next tick tries again: %s", flow_run, error)
            return
        record_try(self.ledger, made, str(run.id))
        self.result.continued += 1
        get_run_logger().info("run %s is gone: another one continues %s", flow_run, pending.run.model)


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
