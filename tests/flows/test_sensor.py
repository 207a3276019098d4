"""The sensor as a deployment: its own runs, what it tells, and what Prefect does about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterId
from prefect.events.filters import EventFilter, EventNameFilter, EventRelatedFilter
from prefect.states import Completed, Pending, Scheduled

from tests.flows.runs import SENSOR, here, look, no_worker, sensor_paused, start, tick, wait_for
from tests.waiting import wait_until
from tuneloop.clock import now
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Progress
from tuneloop.ledger.ledger import Ledger


def events_of(model: str) -> list[tuple[str, str]]:
    """Our events that concern a model, with their ids, oldest first."""
    about = EventRelatedFilter(id=[f"tuneloop.model.{model}"])
    which = EventFilter(event=EventNameFilter(prefix=["tuneloop."]), related=about)
    of_model = EventFilter(event=EventNameFilter(prefix=["tuneloop.model."]))
    with get_client(sync_client=True) as client:
        found = [*client.read_events(which, limit=50).events, *client.read_events(of_model, limit=50).events]
    mine = [event for event in found if (event.payload or {}).get("model") == model]
    return [(event.event, str(event.id)) for event in sorted(mine, key=lambda event: event.occurred)]


def test_story_of_a_training_is_told_once_as_events(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any]
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    run = start(wish)
    wait_for(run, "Suspended")
    emulator.progress(Progress.at_once())
    for _ in range(2):
        tick(stack.store_slug)
    wait_for(run, "Completed")
    names = ["tuneloop.training.submitted", "tuneloop.training.trained", "tuneloop.model.promoted"]
    wait_until("the events are there", lambda: len(events_of(wish["model"])) >= len(names))
    told = events_of(wish["model"])
    assert sorted(name for name, _ in told) == sorted(names)
    assert len({event_id for _, event_id in told}) == len(told)


def test_tick_that_did_something_shows_a_table_of_it(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any]
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    run = start(wish)
    wait_for(run, "Suspended")
    emulator.progress(Progress.at_once())
    tick(stack.store_slug)
    with get_client(sync_client=True) as client:
        shown = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["trainings-in-flight"])), limit=1
        )
    assert "requests to providers" in str(shown[0].data)
    wait_for(run, "Completed")


def made_sensor_run(state: Any, due: timedelta, account: str | None = None) -> UUID:
    """A run of the sensor's deployment that was due some time ago and never started."""
    with get_client(sync_client=True) as client:
        sensor = client.read_deployment_by_name(SENSOR)
        run = client.create_flow_run_from_deployment(
            sensor.id,
            parameters={"account": account},
            state=Scheduled(scheduled_time=now() - due),
            idempotency_key=None,
        )
        if state is not None:
            client.set_flow_run_state(run.id, state, force=True)
    return run.id


@pytest.mark.long
def test_late_ticks_leave_to_the_youngest_one(stack: Stack) -> None:
    del stack
    with sensor_paused():
        # As after a pause; the last one is due now, so that no tick of the schedule is younger.
        with no_worker():
            late = [made_sensor_run(None, timedelta(seconds=seconds)) for seconds in range(50, -1, -10)]
        wait_until("all have ended", lambda: all(look(run).is_final() for run in late))
    messages = [look(run).message or "" for run in late]
    assert all("Started late" in message for message in messages[:3])
    assert "Started late" not in messages[-1]


def test_tick_that_a_webhook_asked_for_leaves_to_no_other_one(stack: Stack) -> None:
    del stack
    with sensor_paused():
        made_sensor_run(Completed(name="Idle"), timedelta(0))
        run = made_sensor_run(None, timedelta(seconds=1), account="segmind.other")
        wait_until("it has ended", lambda: look(run).is_final())
    assert "Started late" not in (look(run).message or "")


def test_older_idle_ticks_are_deleted_and_others_stay(stack: Stack, ledger: Ledger) -> None:
    del ledger
    with no_worker():  # it would take them, being late, before they are called ended
        old_idle = made_sensor_run(Completed(name="Idle"), timedelta(minutes=6))
        old_busy = made_sensor_run(Completed(name="Completed"), timedelta(minutes=6))
        young_idle = made_sensor_run(Completed(name="Idle"), timedelta(minutes=1))
        # Prefect itself calls a run so that waits for a worker. Here it is one that no worker takes.
        old_waiting = made_sensor_run(Pending(name="Late"), timedelta(minutes=6))
    # The tick that starts here, or the schedule's own if that is younger and this one leaves to it.
    start({}, SENSOR)
    wait_until("the old idle one is deleted", lambda: old_idle not in left_of(old_idle))
    assert left_of(old_busy, young_idle, old_waiting) == {old_busy, young_idle, old_waiting}
    with get_client(sync_client=True) as client:
        client.delete_flow_run(old_waiting)  # others wait until no tick is under way
    del stack


def left_of(*runs: UUID) -> set[UUID]:
    """Those of some runs that the server still knows."""
    with get_client(sync_client=True) as client:
        ours = FlowRunFilter(id=FlowRunFilterId(any_=list(runs)))
        return {item.id for item in client.read_flow_runs(flow_run_filter=ours)}


def test_dry_run_tells_nothing(wish: dict[str, Any]) -> None:
    assert here({**wish, "dry_run": True}).name == "Completed"
    assert events_of(wish["model"]) == []
