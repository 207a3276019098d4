"""Has another run continue the work of runs that are gone: one for each training and plan, at growing pauses."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger

from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.markers import is_cancelled, remember_cancelled
from tuneloop.orchestration.cancelled_runs import is_a_persons_wish
from tuneloop.orchestration.events import emit_stuck
from tuneloop.orchestration.resume_run import AT_ONCE, Waker
from tuneloop.orchestration.run_queries import read_runs
from tuneloop.schemas.training import job_name
from tuneloop.sensor.continuing import Try, next_try, told, tried
from tuneloop.sensor.transitions import PendingRun

CONTINUING = "continue-training/recovery"
"""The deployment whose runs continue what others have left."""


@dataclass(frozen=True)
class Gone:
    """A run of which nobody can expect anything any more.

    Attributes:
        story: What it has left to do.
        run: As the server has it; None where it was deleted.
    """

    story: PendingRun
    run: FlowRun | None


def attend_to_the_gone(waker: Waker, ledger: Ledger, store_slug: str, gone: list[Gone], busy: set[str]) -> None:
    """Close the stories that have ended; for the others see that somebody continues them.

    Args:
        waker: Resumes runs.
        ledger: Where the markers are.
        store_slug: Slug of its store's block.
        gone: The runs.
        busy: What living runs work on, see `PendingRun.work`.
    """
    if not gone:
        return
    others = _continuing(waker, gone)
    left: dict[str, list[PendingRun]] = {}
    for item in gone:
        story, continuing = item.story, others.get(_tag(item.story), [])
        alive = [other for other in continuing if not _is_finished(waker, other)]
        if alive:
            busy.add(story.work)
            # Also at the end of a story: whoever sleeps over it takes the marker away, or would never wake.
            for other in alive:
                waker.resume(other, story)
        elif story.ended:
            ledger.unmark(story.run)
            waker.woken.closed += 1
        elif _was_cancelled(waker, ledger, item, continuing):
            _try(waker, ledger, store_slug, story, cancelled=True)
        else:
            left.setdefault(story.work, []).append(story)
    for work, stories in left.items():
        leader = _leader(stories, busy=work in busy)
        if leader is not None:
            _try(waker, ledger, store_slug, leader, cancelled=False)


def _continuing(waker: Waker, gone: list[Gone]) -> dict[str, list[FlowRun]]:
    """The runs that were started to continue some others, by their tags."""
    others: dict[str, list[FlowRun]] = {}
    tags = [_tag(item.story) for item in gone]
    for other in read_runs(waker.watcher.client, FlowRunFilter(tags=FlowRunFilterTags(any_=tags))):
        for tag in other.tags:
            others.setdefault(tag, []).append(other)
    return others


def _is_finished(waker: Waker, run: FlowRun) -> bool:
    if run.state is None or run.state.is_final():
        return True
    standstill = waker.watcher.standstill(run)
    if standstill is not None:
        waker.woken.problems.append(standstill.why)
    return standstill is not None and standstill.over


def _was_cancelled(waker: Waker, ledger: Ledger, item: Gone, continuing: list[FlowRun]) -> bool:
    """Tell whether a person has cancelled a run, or one that continued it."""
    flow_run = item.story.run.flow_run
    if is_cancelled(ledger, flow_run):
        return True
    if any(is_a_persons_wish(waker.watcher.client, run) for run in (item.run, *continuing) if run is not None):
        remember_cancelled(ledger, flow_run)
        return True
    return False


def _leader(stories: list[PendingRun], *, busy: bool) -> PendingRun | None:
    """Choose the run that is continued for all that want the same; None where a living one does it.

    A person is asked in one run, and only that one: the others wait for the answer.
    """
    asker = next((story for story in stories if story.run.flow_run == story.asker), None)
    if asker is not None:
        return asker
    return None if busy else min(stories, key=lambda story: story.run.created_at)


def _try(waker: Waker, ledger: Ledger, store_slug: str, story: PendingRun, *, cancelled: bool) -> None:
    """Make the next try at a story, if it is time; tell a person where none is left."""
    made = next_try(ledger, story, waker.watcher.at, cancelled=cancelled)
    if made.left_to_a_person and not made.told:
        job = job_name(story.run.key, story.run.attempt)
        why = (
            f"{job} of model {story.run.model}: {made.number - 1} runs in a row could not continue run "
            f"{story.run.flow_run}; read the last one's log, mend the cause, and start the model's run again"
        )
        waker.woken.problems.append(why)
        emit_stuck(story.run, why, made.folder)
        told(ledger, made)
    elif made.due and waker.woken.continued < AT_ONCE:
        _continue(waker, ledger, store_slug, story, made, cancelled=cancelled)


def _continue(
    waker: Waker, ledger: Ledger, store_slug: str, story: PendingRun, made: Try, *, cancelled: bool
) -> None:
    """Start a run that continues a story. The same try is the same run, however many ticks make it."""
    flow_run, client = story.run.flow_run, waker.watcher.client
    try:
        deployment = client.read_deployment_by_name(CONTINUING)
        run = client.create_flow_run_from_deployment(
            deployment.id,
            parameters={"flow_run": flow_run, "store": store_slug, "cancelled": cancelled},
            tags=[_tag(story)],
            idempotency_key=f"{made.folder}{made.number}",
        )
    except ObjectNotFound:
        waker.woken.problems.append(
            f"run {flow_run} is gone and its training goes on, but there is no deployment {CONTINUING} "
            "to continue it: run `tuneloop deploy`"
        )
        return
    except httpx.HTTPError as error:
        get_run_logger().info("run %s is not continued yet, the next tick tries again: %s", flow_run, error)
        return
    tried(ledger, made, str(run.id))
    waker.woken.continued += 1
    get_run_logger().info("run %s is gone: another one continues %s", flow_run, story.run.model)


def _tag(story: PendingRun) -> str:
    return f"continues:{story.run.flow_run}"
