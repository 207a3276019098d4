"""Limits, priorities and pauses beside runs that are suspended, as docs/keeping-it-running.md tells them.

No worker takes part: the tests look at what the server would give it to start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import State
from prefect.client.schemas.schedules import CronSchedule
from prefect.states import Pending, Running, Scheduled, Suspended

from tests.waiting import wait_until
from tuneloop.clock import now

STARTED: tuple[State[Any], ...] = (Pending(), Running())


@dataclass(frozen=True)
class Queue:
    """A queue of a work pool that no worker polls, with a deployment of its own."""

    client: SyncPrefectClient
    pool: str
    name: str = field(default_factory=lambda: f"queue-{uuid4().hex[:8]}")

    def deployment(self, **settings: Any) -> UUID:
        flow = self.client.create_flow_from_name(self.pool)
        return self.client.create_deployment(
            flow, self.name, work_pool_name=self.pool, work_queue_name=self.name, **settings
        )

    def set(self, **settings: int) -> None:
        path = {"work_pool_name": self.pool, "name": self.name}
        self.client.request("PATCH", "/work_pools/{work_pool_name}/queues/{name}", path_params=path, json=settings)

    def set_pool(self, **settings: Any) -> None:
        self.client.update_work_pool(self.pool, WorkPoolUpdate(**settings))

    def start(self, deployment: UUID, *, nights_ago: int = 0) -> UUID:
        """A run that is due."""
        due: State[Any] = Scheduled(scheduled_time=now() - timedelta(days=nights_ago, minutes=1))
        return self.client.create_flow_run_from_deployment(deployment, state=due).id

    def given(self, *more: str, within: timedelta = timedelta()) -> list[UUID]:
        """What a worker would start now, in its order, from this queue and more of them."""
        names = [self.name, *more]
        found = self.client.get_scheduled_flow_runs_for_work_pool(self.pool, names, now() + within)
        return [item.flow_run.id for item in found]

    def put(self, run: UUID, *states: State[Any]) -> str:
        """Ask for one state after the other. Returns the name of the last one that the server has given."""
        for state in states:
            answer = self.client.set_flow_run_state(run, state)
        assert answer.state is not None
        return str(answer.state.name)


@pytest.fixture(scope="module")
def pool(stack: object) -> Iterator[str]:
    del stack
    name = f"pool-{uuid4().hex[:8]}"
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=name, type="process"))
        yield name
        client.delete_work_pool(name)


@pytest.fixture
def queue(pool: str) -> Iterator[Queue]:
    with get_client(sync_client=True) as client:
        yield Queue(client, pool)


def test_suspended_run_holds_no_place_of_a_queue_and_waits_for_one_when_it_is_resumed(queue: Queue) -> None:
    deployment = queue.deployment()
    queue.set(concurrency_limit=1)
    first, second = queue.start(deployment), queue.start(deployment)
    queue.put(first, *STARTED)
    assert queue.given() == []
    queue.put(first, Suspended())
    assert queue.given() == [second]
    queue.put(second, *STARTED)
    queue.client.resume_flow_run(first)
    assert queue.given() == []
    queue.put(second, Suspended())
    assert queue.given() == [first]


def test_suspended_run_holds_no_place_of_a_pool(queue: Queue) -> None:
    deployment = queue.deployment()
    first, second = queue.start(deployment), queue.start(deployment)
    queue.set_pool(concurrency_limit=1)
    try:
        queue.put(first, *STARTED)
        assert queue.given() == []
        queue.put(first, Suspended())
        assert queue.given() == [second]
    finally:
        queue.set_pool(concurrency_limit=None)


def test_suspended_run_holds_no_place_of_its_deployments_limit(queue: Queue) -> None:
    deployment = queue.deployment(concurrency_limit=1)
    first, second = queue.start(deployment), queue.start(deployment)
    queue.put(first, *STARTED)
    assert queue.put(second, Pending()) == "AwaitingConcurrencySlot"
    queue.put(first, Suspended())
    assert queue.put(second, Pending()) == "Pending"


def test_queue_of_higher_priority_is_given_first_however_late_it_comes(queue: Queue) -> None:
    urgent = Queue(queue.client, queue.pool)
    nightly, at_once = queue.deployment(), urgent.deployment()
    queue.set(priority=2)
    urgent.set(priority=1)
    older, newer = queue.start(nightly, nights_ago=1), urgent.start(at_once)
    assert queue.given(urgent.name) == [newer, older]


@pytest.mark.parametrize("paused", [Queue.set_pool, Queue.set], ids=["pool", "queue"])
def test_nights_of_a_pause_are_made_up_for_oldest_first(paused: Callable[..., None], queue: Queue) -> None:
    deployment = queue.deployment()
    paused(queue, is_paused=True)
    nights = {ago: queue.start(deployment, nights_ago=ago) for ago in (2, 3, 1)}
    assert queue.given() == []
    paused(queue, is_paused=False)
    assert queue.given() == [nights[3], nights[2], nights[1]]


@pytest.mark.long  # for seconds nothing happens but that the server plans
def test_planned_runs_of_a_paused_deployment_are_gone(queue: Queue) -> None:
    schedule = DeploymentScheduleCreate(schedule=CronSchedule(cron="0 3 * * *", timezone="Etc/UTC"))
    deployment = queue.deployment(schedules=[schedule])
    week = timedelta(days=7)
    wait_until("runs are planned", lambda: queue.given(within=week))
    queue.client.pause_deployment(deployment)
    assert queue.given(within=week) == []
    by_hand = queue.start(deployment)
    assert queue.given(within=week) == [by_hand]
