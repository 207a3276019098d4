"""Wakes the runs that have something to do, and starts others for those that are gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.states import Scheduled

from tuneloop.clock import now
from tuneloop.ledger import Ledger
from tuneloop.settling import Story

CONTINUING = "continue-training/by-the-sensor"
"""The deployment whose runs continue what others have left."""
_PAGE = 200
_AT_ONCE = 100
"""How many runs one tick starts again: the others are met at the next one."""
_Item = TypeVar("_Item")


@dataclass
class Woken:
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


def wake(client: SyncPrefectClient, ledger: Ledger, store_slug: str, stories: list[Story]) -> Woken:
    """Resume the runs that are suspended, and have others continue for those that are gone.

    What fails here is met again at the next tick.

    Args:
        client: The server.
        ledger: Where the markers are.
        store_slug: Slug of its store's block.
        stories: What the tick has found.
    """
    woken = Woken()
    for page in _pages(stories):
        by_id = {str(run.id): run for run in _read(client, FlowRunFilter(id=FlowRunFilterId(any_=_ids(page))))}
        gone = []
        for story in page:
            run = by_id.get(story.run.flow_run)
            if _is_gone(run):
                gone.append((story, run))
            elif run is not None and woken.resumed < _AT_ONCE:
                woken.resumed += _resume(client, run, story)
        _attend_to_the_gone(client, ledger, store_slug, gone, woken)
    return woken


def _attend_to_the_gone(
    client: SyncPrefectClient,
    ledger: Ledger,
    store_slug: str,
    gone: list[tuple[Story, FlowRun | None]],
    woken: Woken,
) -> None:
    """See whether somebody continues them; else close the stories that have ended, and continue the others."""
    if not gone:
        return
    others: dict[str, list[FlowRun]] = {}
    tags = [_tag(story) for story, _ in gone]
    for other in _read(client, FlowRunFilter(tags=FlowRunFilterTags(any_=tags))):
        for tag in other.tags:
            others.setdefault(tag, []).append(other)
    for story, run in gone:
        continuing = others.get(_tag(story), [])
        alive = [other for other in continuing if not _is_gone(other)]
        if alive:
            # Also at the end of a story: whoever sleeps over it takes the marker away, or would never wake.
            woken.resumed += sum(_resume(client, other, story) for other in alive)
        elif story.ended:
            ledger.unmark(story.run)
            woken.closed += 1
        elif woken.continued < _AT_ONCE:
            cancelled = any(_was_cancelled(other) for other in [run, *continuing])
            woken.continued += _continue(client, store_slug, story, woken, cancelled=cancelled)


def _continue(client: SyncPrefectClient, store_slug: str, story: Story, woken: Woken, *, cancelled: bool) -> bool:
    """Start a run that continues a story.

    The same try is the same run, however many ticks make it; after an hour it is another try.
    """
    flow_run = story.run.flow_run
    try:
        deployment = client.read_deployment_by_name(CONTINUING)
        client.create_flow_run_from_deployment(
            deployment.id,
            parameters={"flow_run": flow_run, "store": store_slug, "cancelled": cancelled},
            tags=[_tag(story)],
            idempotency_key=f"{flow_run}:{story.records}:{now():%Y-%m-%dT%H}",
        )
    except ObjectNotFound:
        woken.problems.append(
            f"run {flow_run} is gone and its training goes on, but there is no deployment {CONTINUING} "
            "to continue it: run `tuneloop deploy`"
        )
        return False
    except httpx.HTTPError as error:
        get_run_logger().info("run %s is not continued yet, the next tick tries again: %s", flow_run, error)
        return False
    get_run_logger().info("run %s is gone: another one continues %s", flow_run, story.run.model)
    return True


def _resume(client: SyncPrefectClient, run: FlowRun, story: Story) -> bool:
    """Resume one run if it sleeps.

    Returns:
        Whether the server has accepted that.
    """
    state = run.state
    if state is None or state.name != "Suspended" or story.asks:
        return False
    try:
        if state.state_details.run_input_keyset is None:
            answer = client.resume_flow_run(run.id)
        else:
            # Somebody else has answered what this run asks: its form would never be filled in.
            answer = client.set_flow_run_state(run.id, Scheduled(name="Resuming"))
    except httpx.HTTPError as error:
        get_run_logger().info("run %s was not resumed, the next tick asks again: %s", run.name, error)
        return False
    return answer.status == SetStateStatus.ACCEPT


def _is_gone(run: FlowRun | None) -> bool:
    return run is None or run.state is None or run.state.is_final()


def _was_cancelled(run: FlowRun | None) -> bool:
    return run is not None and run.state is not None and run.state.type == StateType.CANCELLED


def _tag(story: Story) -> str:
    return f"continues:{story.run.flow_run}"


def _ids(stories: Iterable[Story]) -> list[UUID]:
    return [UUID(story.run.flow_run) for story in stories]


def _read(client: SyncPrefectClient, which: FlowRunFilter) -> Iterator[FlowRun]:
    offset = 0
    while page := client.read_flow_runs(flow_run_filter=which, limit=_PAGE, offset=offset):
        yield from page
        offset += len(page)


def _pages(items: list[_Item]) -> Iterator[list[_Item]]:
    for start in range(0, len(items), _PAGE):
        yield items[start : start + _PAGE]
