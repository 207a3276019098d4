"""Wakes the runs that have something to do, and sees which of them are gone or stand still."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun

from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.events import emit_stuck
from tuneloop.orchestration.recovery import Gone, attend_to_the_gone
from tuneloop.orchestration.resume_run import ResumeResult, Waker
from tuneloop.orchestration.run_queries import ids_of, pages, read_runs
from tuneloop.orchestration.stalled_runs import Standstill, Watcher
from tuneloop.sensor.transitions import PendingRun


def resume_runs(
    client: SyncPrefectClient, ledger: Ledger, store_slug: str, stories: list[PendingRun], at: datetime
) -> ResumeResult:
    """Resume the runs that are suspended, and have others continue for those that are gone or stand still.

    What fails here is met again at the next tick, and keeps no other run asleep.

    Args:
        client: The server.
        ledger: Where the markers are.
        store_slug: Slug of its store's block.
        stories: What the tick has found.
        at: When the tick looks.
    """
    woken = ResumeResult()
    waker = Waker(Watcher(client, at), woken)
    readable = [story for story in stories if _has_an_id(story, woken)]
    # Runs that want the same stand together: one of them is enough.
    for page in pages(sorted(readable, key=lambda story: story.work)):
        which = FlowRunFilter(id=ids_of(story.run.flow_run for story in page))
        runs = {str(run.id): run for run in read_runs(client, which)}
        gone, busy = [], set()
        for story in page:
            run = runs.get(story.run.flow_run)
            try:
                if story.submitting:
                    _tell_if_still(waker.watcher, run, story, woken)
                    if not story.early:
                        waker.resume(run, story)
                elif _is_finished(waker.watcher, run, story, woken):
                    gone.append(Gone(story, run))
                else:
                    busy.add(story.work)
                    waker.resume(run, story)
            except httpx.HTTPError as error:
                woken.problems.append(f"run {story.run.flow_run}: {error}")
        attend_to_the_gone(waker, ledger, store_slug, gone, busy)
    return woken


def _has_an_id(story: PendingRun, woken: ResumeResult) -> bool:
    try:
        UUID(story.run.flow_run)
    except ValueError:
        woken.problems.append(
            f"runs/{story.run.flow_run}.json names no flow run of Prefect; restore the file from a backup"
        )
        return False
    return True


def _is_finished(watcher: Watcher, run: FlowRun | None, story: PendingRun, woken: ResumeResult) -> bool:
    """Tell whether nobody can expect anything of a run any more, and tell of one that stands still."""
    if run is None or run.state is None or run.state.is_final():
        return True
    standstill = _tell_if_still(watcher, run, story, woken)
    return standstill is not None and standstill.over


def _tell_if_still(
    watcher: Watcher, run: FlowRun | None, story: PendingRun, woken: ResumeResult
) -> Standstill | None:
    standstill = watcher.standstill(run)
    if standstill is not None and not story.ended:
        woken.problems.append(standstill.why)
        emit_stuck(story.run, standstill.why, standstill.since.isoformat())
    return standstill
