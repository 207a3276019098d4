"""What Prefect does by itself about runs of ours that have died, and about none that lives or waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.events import emit_event
from prefect.events.schemas.automations import EventTrigger
from prefect.states import Crashed, Pending, Running, Suspended

from tests.flows.bill import Bill
from tests.flows.runs import look, no_worker, start, wait_for
from tests.waiting import wait_until
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Progress
from tuneloop.orchestration import automations
from tuneloop.orchestration.automations import create_automations


@pytest.fixture(autouse=True)
def no_automations_left(stack: Stack) -> Iterator[None]:
    del stack
    yield
    with get_client(sync_client=True) as client:
        for item in client.read_automations():
            client.delete_automation(item.id)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Automations that take a run for dead after as little as Prefect allows."""
    monkeypatch.setattr(automations, "_ZOMBIE_AFTER", timedelta(seconds=10))
    create_automations()
    time.sleep(2)  # the server reads new automations now and then


def put(client: SyncPrefectClient, run: UUID, *states: State[Any]) -> None:
    for state in states:
        client.set_flow_run_state(run, state, force=True)


def test_automations_are_made_once_and_start_a_crashed_run_again(
    emulator: EmulatorControl, wish: dict[str, Any], bill: Bill
) -> None:
    assert create_automations() == create_automations()
    with get_client(sync_client=True) as client:
        ours = [item for item in client.read_automations() if item.name.startswith("tuneloop: ")]
    assert len(ours) == 3, "without a block there are no notices"
    windows = {item.trigger.within for item in ours if isinstance(item.trigger, EventTrigger)}
    assert windows == {timedelta(minutes=10)}
    emulator.progress(Progress.after_seconds(3600))
    run = start(wish)
    wait_for(run, "Suspended")
    time.sleep(2)  # the server reads new automations now and then
    with get_client(sync_client=True) as client:
        put(client, run, Crashed())
    wait_until("it is started again", lambda: look(run).type != StateType.CRASHED)
    emulator.progress(Progress.at_once())
    wait_until("it has ended well", lambda: look(run).type == StateType.COMPLETED)
    assert len(bill.trainings) == 1


def test_what_a_person_has_switched_off_stays_off() -> None:
    create_automations()
    with get_client(sync_client=True) as client:
        client.pause_automation(client.read_automations()[0].id)
        create_automations()
        assert sorted(item.enabled for item in client.read_automations()) == [False, True, True]


@pytest.mark.long  # no window of Prefect is shorter than ten seconds
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("state", [Pending, Running])
def test_run_whose_process_was_gone_before_its_first_heartbeat_is_started_again(
    wish: dict[str, Any], bill: Bill, state: Callable[[], State]
) -> None:
    with no_worker(), get_client(sync_client=True) as client:
        run = start(wish)
        put(client, run, state())
    wait_until("it is started again and has ended well", lambda: look(run).type == StateType.COMPLETED)
    assert len(bill.trainings) == 1


def beat(client: SyncPrefectClient, run: UUID) -> None:
    """Send a heartbeat of a run, as its process does."""
    found = client.read_flow_run(run)
    flow = client.read_flow(found.flow_id)
    emit_event(
        "prefect.flow-run.heartbeat",
        {"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.name": found.name},
        related=[
            {
                "prefect.resource.id": f"prefect.flow.{flow.id}",
                "prefect.resource.role": "flow",
                "prefect.resource.name": flow.name,
            }
        ],
    )


@pytest.mark.long  # as above
@pytest.mark.usefixtures("impatient")
def test_run_that_lives_or_sleeps_is_not_taken_for_dead(wish: dict[str, Any]) -> None:
    with no_worker(), get_client(sync_client=True) as client:
        alive, asleep, dead = start(wish), start(wish), start(wish)
        put(client, alive, Pending(), Running())
        put(client, asleep, Pending(), Running(), Suspended())

        def is_dead() -> bool:
            beat(client, alive)
            return any(state.type == StateType.CRASHED for state in client.read_flow_run_states(dead))

        for beats in (0, 1):  # the second time the others have long been due
            put(client, dead, Running())
            for _ in range(beats):
                beat(client, dead)
            wait_until("the dead one is crashed", is_dead)
            client.delete_flow_run(dead)
            dead = start(wish)
        assert (look(alive).name, look(asleep).name) == ("Running", "Suspended")
        for run in (alive, asleep, dead):
            client.delete_flow_run(run)
