"""Each way in which a run can stand still is told within minutes, and what was paid is brought home."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter
from prefect.logging import disable_run_logger
from prefect.states import Cancelled, Pending, Running, Scheduled

from tests.flows.bill import Bill
from tests.flows.runs import LOOK, RETRAIN, look, no_worker, nudge_sensor, sensor_paused, start, tick, wait_for
from tests.flows.test_salvage import continuing, end_as, is_marked, sleeping
from tests.waiting import wait_until
from tuneloop.clock import now
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import open_provider
from tuneloop.orchestration.deploy import WORK_POOL
from tuneloop.orchestration.recovery import ResumeResult, resume_runs
from tuneloop.orchestration.run_queries import Watcher
from tuneloop.orchestration.sensor_runs import pool_problems, sensor_problems
from tuneloop.schemas.records import Held
from tuneloop.schemas.training import job_name
from tuneloop.sensor.poll import poll_all


def woken_in(minutes: float, stack: Stack, ledger: Ledger, run: UUID) -> ResumeResult:
    """What a tick does about a run so many minutes from now."""
    tick = poll_all(ledger, open_provider)
    pending = [item for item in tick.pending if item.run.flow_run == str(run)]
    with get_client(sync_client=True) as client, disable_run_logger():
        return resume_runs(client, ledger, stack.store_slug, pending, now() + timedelta(minutes=minutes))


def put_into(run: UUID, state: State[Any]) -> None:
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run, state, force=True)


NOT_STARTED = "has not started ({}); is a worker up on pool tuneloop?"


def stuck_events(run: UUID) -> int:
    which = EventFilter(
        event=EventNameFilter(name=["tuneloop.run.stuck"]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run}"]),
    )
    with get_client(sync_client=True) as client:
        return len(client.read_events(which, limit=50).events)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        pytest.param(Pending(), NOT_STARTED.format("Pending"), id="pending"),
        pytest.param(
            Scheduled(name="Resuming"), NOT_STARTED.format("Resuming"), id="resuming", marks=pytest.mark.long
        ),
        pytest.param(
            Scheduled(name="AwaitingRetry"),
            NOT_STARTED.format("AwaitingRetry"),
            id="awaiting retry",
            marks=pytest.mark.long,
        ),
        pytest.param(Running(), "has sent no heartbeat", id="running"),
    ],
)
def test_run_that_stands_still_is_told_after_ten_minutes_and_continued_after_thirty(
    state: State[Any],
    told: str,
    stack: Stack,
    emulator: EmulatorControl,
    wish: dict[str, Any],
    bill: Bill,
    ledger: Ledger,
) -> None:
    run, work = sleeping(wish, emulator, ledger)
    with sensor_paused(), no_worker():
        put_into(run, state)
        emulator.progress(Progress.at_once())
        assert woken_in(9, stack, ledger, run).problems == []
        woken = woken_in(11, stack, ledger, run)
        assert told in " ".join(woken.problems)
        assert continuing(run) == []
        wait_until("it is told as an event", lambda: stuck_events(run) == 1)
        assert woken_in(31, stack, ledger, run).continued == 1
        put_into(run, Cancelled(message="Deployment concurrency limit reached."))  # so that the worker leaves it
    (other,) = continuing(run)
    wait_for(other, "Completed")
    assert ledger.champion(work.model) is not None
    assert len(bill.trainings) == 1


def test_running_run_with_a_heartbeat_does_not_stand_still(
    emulator: EmulatorControl, wish: dict[str, Any], ledger: Ledger
) -> None:
    run, _ = sleeping(wish, emulator, ledger)
    with sensor_paused():
        put_into(run, Running())
        at = now() + timedelta(hours=3)
        resource = {"prefect.resource.id": f"prefect.flow-run.{run}"}
        with get_client(sync_client=True) as client:
            watcher, found = Watcher(client, at), client.read_flow_run(run)
            assert watcher.standstill(found) is not None
            emit_event("prefect.flow-run.heartbeat", resource, occurred=at - timedelta(minutes=4))
            wait_until("the heartbeat is known", lambda: watcher.standstill(found) is None)
        end_as(run, "deleted")


def test_scheduled_run_in_no_work_queue_is_continued_at_once(stack: Stack) -> None:
    del stack
    with get_client(sync_client=True) as client:
        queue = client.create_work_queue("passing", work_pool_name=WORK_POOL)
        deployment = client.read_deployment_by_name(RETRAIN)
        run = client.create_flow_run_from_deployment(
            deployment.id, state=Scheduled(scheduled_time=now() + timedelta(hours=1)), work_queue_name="passing"
        )
        watcher = Watcher(client, now())
        assert watcher.standstill(client.read_flow_run(run.id)) is None
        client.delete_work_queue_by_id(queue.id)
        standstill = watcher.standstill(client.read_flow_run(run.id))
        assert standstill is not None
        assert standstill.is_lost
        client.delete_flow_run(run.id)


def test_run_that_prefect_has_cancelled_itself_is_continued_and_judged(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    run, work = sleeping(wish, emulator, ledger)
    put_into(run, Cancelled(message="Deployment concurrency limit reached."))
    emulator.progress(Progress.at_once())
    tick(stack.store_slug)
    (other,) = continuing(run)
    wait_for(other, "Completed")
    assert not ledger.is_cancelled(str(run))
    assert ledger.champion(work.model) is not None
    assert len(bill.trainings) == 1


def test_cancelled_run_that_is_deleted_later_is_not_judged_either(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], ledger: Ledger
) -> None:
    run, work = sleeping(wish, emulator, ledger)
    end_as(run, "cancelled")
    tick(stack.store_slug)
    assert ledger.is_cancelled(str(run))
    end_as(run, "deleted")
    emulator.progress(Progress.at_once())
    tick(stack.store_slug)
    (other,) = continuing(run)
    assert "is not evaluated" in (wait_for(other, "Completed").message or "")
    assert ledger.champion(work.model) is None
    # Other tests of this installation may render meanwhile: what counts is what was asked for this model.
    assert not list(ledger.store.names(f"render-log/{job_name(work.key, work.attempt)}/"))


def test_one_run_continues_a_training_and_a_plan_however_many_have_left_them(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    first, work = sleeping(wish, emulator, ledger)
    second = start(wish)
    wait_for(second, "Suspended")
    for run in (first, second):
        end_as(run, "deleted")
    emulator.progress(Progress.at_once())
    with sensor_paused():
        for _ in range(2):
            tick(stack.store_slug)
        (other,) = [*continuing(first), *continuing(second)]
        wait_for(other, "Completed")
        tick(stack.store_slug)
    assert [*continuing(first), *continuing(second)] == [other]
    assert not is_marked(ledger, work)
    assert len(bill.trainings) == 1


@pytest.mark.long
def test_runs_of_a_deployment_with_a_limit_are_woken_one_after_the_other(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], ledger: Ledger
) -> None:
    first, _ = sleeping(wish, emulator, ledger)
    second = start({**wish, "model": "another-one"})
    wait_for(second, "Suspended")
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(RETRAIN)
        client.update_deployment(deployment.id, DeploymentUpdate(concurrency_limit=1))
    try:
        with sensor_paused(), no_worker():
            emulator.progress(Progress.at_once())
            assert "resumed: 1" in (tick(stack.store_slug).message or "")
            tick(stack.store_slug)
            assert sorted(look(run).name or "" for run in (first, second)) == ["Resuming", "Suspended"]

        def both_have_ended() -> bool:
            tick(stack.store_slug)
            return look(first).is_completed() and look(second).is_completed()

        wait_until("both have ended well", both_have_ended)
    finally:
        with get_client(sync_client=True) as client:
            client.update_deployment(deployment.id, DeploymentUpdate(concurrency_limit=None))


def test_run_whose_job_the_sensor_has_given_up_is_woken_to_ask_a_person(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], ledger: Ledger
) -> None:
    run, work = sleeping(wish, emulator, ledger)
    last = ledger.history(work.key)[-1]
    held = Held(
        created_at=now(), attempt=1, name=last.name, reason="the provider no longer has this job", kind="lost"
    )
    with sensor_paused():
        emulator.unlist_job(emulator.jobs()[-1].id)
        ledger.append(work.key, last, held)
        tick(stack.store_slug)
        wait_until("a person is asked", lambda: "approval required" in (look(run).message or ""))
        assert look(run).state_details.run_input_keyset is not None
        tick(stack.store_slug)
        assert look(run).name == "Suspended"
        end_as(run, "deleted")
        ledger.unmark(work)


def test_run_file_that_names_no_run_of_prefect_keeps_no_other_one_asleep(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], ledger: Ledger
) -> None:
    run, work = sleeping(wish, emulator, ledger)
    odd = work.model_copy(update={"flow_run": "sync-conflict"})
    ledger.mark(ledger.save_run(odd))
    emulator.progress(Progress.at_once())
    assert "runs/sync-conflict.json names no flow run" in (tick(stack.store_slug).message or "")
    wait_for(run, "Completed")
    # Before its end, the marker of a training that goes on would be left again.
    ledger.unmark(odd)
    assert not ledger.is_marked(odd)


def test_status_tells_of_a_sensor_that_is_paused_late_or_has_no_worker(stack: Stack) -> None:
    nudge_sensor()
    with get_client(sync_client=True) as client:

        def problems(minutes: float = 0) -> str:
            return " ".join(sensor_problems(client, stack.store_slug, now() + timedelta(minutes=minutes)))

        wait_until("the sensor has looked", lambda: problems() == "")
        assert "last polled" in problems(minutes=10)
        assert "no deployment of watch-trainings names" in " ".join(sensor_problems(client, "s3-bucket/x", now()))
        with sensor_paused():
            assert "is paused" in problems()
        with no_worker():
            assert "work pool tuneloop is paused" in problems()
        client.create_work_pool(WorkPoolCreate(name="empty", type="process"))
        assert "no worker is online on pool empty" in " ".join(pool_problems(client, {"empty"}))
        client.delete_work_pool("empty")


@pytest.mark.long
def test_adopting_run_that_has_to_wait_is_woken(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], ledger: Ledger, bill: Bill
) -> None:
    donor = start(wish)
    wait_for(donor, "Completed")
    job_id = emulator.jobs()[-1].id
    emulator.inject(Fault("slow", "/s3/", "GET", delay_s=3))
    seen = len(bill.paths)
    run = start({"model": "taken-in-late", "job_id": job_id, "trigger_word": "ROBOX"}, "adopt-model/adopt")
    wait_until("it downloads", lambda: any(path.startswith("/s3/") for path in bill.paths[seen:]))
    emulator.inject(Fault("refuse", LOOK, "GET", status=503, times=20))
    wait_for(run, "Suspended")
    assert any(marker.flow_run == str(run) for marker in ledger.markers())
    emulator.clear_faults()
    tick(stack.store_slug)
    wait_for(run, "Completed")
    assert not any(marker.flow_run == str(run) for marker in ledger.markers())
