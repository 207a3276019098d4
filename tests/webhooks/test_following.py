"""What becomes of a call: the ledger says what the provider's API says, whatever the call says."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.ledger.test_submission import old_claim
from tests.webhooks.conftest import only_segmind
from tests.webhooks.world import QUICK, Receiver, World, eventually, receiving, truth
from tuneloop.clock import Deadline, now
from tuneloop.emulator import Fault, Progress
from tuneloop.ledger.account_marks import AccountMarks
from tuneloop.ledger.training import read_training
from tuneloop.schemas.records import RunRecord
from tuneloop.sensor.poll import poll_all
from tuneloop.webhooks.hint import SAME_CALL
from tuneloop.webhooks.patience import Patience

GOOD, BAD = {"segmind": "AVAILABLE", "bfl": "Ready"}, {"segmind": "FAILED", "bfl": "Error"}


def end(world: World, job_id: str, ending: str) -> None:
    """Let a training end at the provider."""
    if ending == "failed":
        world.emulator.fail_job(job_id, "GPU overloaded")
    else:
        world.emulator.progress(Progress.at_once())


@pytest.mark.parametrize("ending", ["trained", "failed"])
def test_call_about_an_ended_training_is_in_the_ledger_within_seconds(
    world: World, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run, job_id = world.submitted()
    end(world, job_id, ending)
    with receiving(world, None) as receiver:
        called = time.monotonic()
        assert receiver.post(truth(world, job_id, GOOD[world.name])) == 200
        eventually("the end is recorded", lambda: world.states(run)[-1] == ending)
        took_s = time.monotonic() - called
        eventually("the run is woken", lambda: world.woken() == {run.flow_run})
    with capsys.disabled():
        print(f"\n{world.name}: {took_s * 1000:.0f} ms from the call to the record {ending!r}")  # noqa: T201


Delivery = Callable[[World, Receiver, str], None]


def once(world: World, receiver: Receiver, job_id: str) -> None:
    receiver.post(truth(world, job_id, GOOD[world.name]))


def ten_times(world: World, receiver: Receiver, job_id: str) -> None:
    body = truth(world, job_id, GOOD[world.name], "evt-1")
    assert [receiver.post(body) for _ in range(10)] == [200] * 10


def reordered(world: World, receiver: Receiver, job_id: str) -> None:
    for word in ("AVAILABLE", "INFERENCE_QUEUED", "TRAINING_COMPLETED", "Pending"):
        receiver.post(truth(world, job_id, word))


def with_lies(world: World, receiver: Receiver, job_id: str) -> None:
    receiver.post(truth(world, job_id, BAD[world.name]))
    receiver.post(truth(world, "another-job", BAD[world.name]))
    receiver.post(truth(world, job_id, GOOD[world.name]))


def without_a_name(_: World, receiver: Receiver, __: str) -> None:
    receiver.post({"event": "AVAILABLE"})


def dropped(_: World, __: Receiver, ___: str) -> None:
    pass


@pytest.mark.parametrize("delivery", [once, ten_times, reordered, with_lies, without_a_name, dropped])
@pytest.mark.parametrize("ending", ["trained", "failed"])
def test_ledger_ends_the_same_however_calls_are_delivered(world: World, ending: str, delivery: Delivery) -> None:
    run, job_id = world.submitted()
    with receiving(world) as receiver:
        receiver.post(truth(world, job_id, "RUNNING"))  # before anything has ended
        end(world, job_id, ending)
        delivery(world, receiver, job_id)
        if delivery is not dropped:
            eventually("the end is recorded", lambda: world.states(run)[-1] == ending)
        world.follow_all()
    if delivery is dropped:
        poll_all(world.ledger, lambda _: world.provider)
    assert world.states(run) == ["claimed", "submitted", ending]
    training = read_training(world.ledger, run.key, 1)
    assert training.job_id == job_id


@pytest.mark.parametrize("word", ["AVAILABLE", "FAILED", "Ready", "Error", "TRAINING_COMPLETED"])
def test_made_up_end_of_a_running_training_changes_nothing(world: World, word: str) -> None:
    run, job_id = world.submitted()
    other, _ = world.submitted()
    with receiving(world) as receiver:
        receiver.post({**truth(world, job_id, word), "name": f"{run.key[:16]}-g1"})
        receiver.post({"name": f"{other.key[:16]}-g1", "status": word, "finetune_id": job_id})
        world.follow_all()
    assert world.states(run) == world.states(other) == ["claimed", "submitted"]
    assert world.woken() == set()


def claimed_with_the_answer_on_its_way(world: World) -> tuple[RunRecord, str]:
    """A run whose submit has arrived and is not answered yet."""
    run, provider = world.marked(), world.provider
    claim = old_claim(run, timedelta(seconds=-600))
    world.ledger.append(run.key, None, claim)
    uploaded = provider.upload(world.archive)
    return run, provider.submit(claim.name, world.recipe, uploaded, world.archive, Deadline(60))


def test_call_before_the_submits_answer_finds_the_job_by_its_name(world: World) -> None:
    run, job_id = claimed_with_the_answer_on_its_way(world)
    world.emulator.progress(Progress.at_once())
    with receiving(world, None) as receiver:
        receiver.post(truth(world, job_id, GOOD[world.name]))
        eventually("the end is recorded", lambda: world.states(run)[-1] == "trained")
    assert world.states(run) == ["claimed", "submitted", "trained"]
    assert read_training(world.ledger, run.key, 1).job_id == job_id


def test_job_that_no_list_shows_yet_is_parked_and_matched_later(world: World) -> None:
    world.emulator.switch(list_lag_s=2)
    run, job_id = claimed_with_the_answer_on_its_way(world)
    world.emulator.progress(Progress.at_once())
    patient = replace(QUICK, longest_pause_s=0.5, unknown_s=30)
    with receiving(world, patient) as receiver:
        receiver.post(truth(world, job_id, GOOD[world.name]))
        eventually("it was looked for in vain", lambda: world.opened > 1)
        assert world.states(run) == ["claimed"]
        eventually("the end is recorded", lambda: world.states(run)[-1] == "trained")
        world.follow_all()


def test_job_that_nobody_knows_is_done_with_after_its_time(world: World) -> None:
    with receiving(world) as receiver:
        receiver.post(truth(world, "nobody", GOOD[world.name]))
        world.follow_all()
    (name,) = world.hints(".done")
    assert b"unknown" in world.ledger.store.read(name)


@only_segmind
def test_calls_that_name_nothing_cost_one_look_at_the_account_in_a_while(world: World) -> None:
    world.submitted()
    before = len(world.emulator.requests())
    with receiving(world, None) as receiver:
        for number in range(20):
            receiver.post({"event": "AVAILABLE", "number": number})
        eventually("all have been looked at", lambda: world.opened >= 20)
    assert len(world.emulator.requests()) - before == 1


@pytest.mark.parametrize("by", ["name", "id"])
def test_only_the_job_that_is_named_is_asked_about(world: World, by: str) -> None:
    run, job_id = world.submitted()
    world.submitted()
    end(world, job_id, "trained")
    before = len(world.emulator.requests())
    with receiving(world) as receiver:
        receiver.post({"name": f"{run.key[:16]}-g1"} if by == "name" else {"id": job_id})
        world.follow_all()
    # By an id its name is asked for first.
    assert len(world.emulator.requests()) - before == (1 if by == "name" else 2)
    assert world.states(run)[-1] == "trained"


def test_training_that_the_provider_shows_late_is_looked_at_again(world: World) -> None:
    run, job_id = world.submitted()
    patient = replace(QUICK, moving_s=30)
    with receiving(world, patient) as receiver:
        receiver.post(truth(world, job_id, GOOD[world.name]))
        eventually("it was looked at in vain", lambda: world.opened > 1)
        assert world.states(run) == ["claimed", "submitted"]
        end(world, job_id, "trained")
        eventually("the end is recorded", lambda: world.states(run)[-1] == "trained")


def test_provider_that_does_not_answer_is_asked_again(world: World) -> None:
    run, job_id = world.submitted()
    end(world, job_id, "trained")
    world.emulator.inject(Fault("refuse", "/", "GET", status=503, times=4))
    with receiving(world, replace(QUICK, unknown_s=30)) as receiver:
        receiver.post(truth(world, job_id, GOOD[world.name]))
        eventually("the end is recorded", lambda: world.states(run)[-1] == "trained")
    assert world.opened > 1


def test_run_is_woken_later_where_the_prefect_server_does_not_answer(world: World) -> None:
    run, job_id = world.submitted()
    end(world, job_id, "trained")
    world.server_down_for = 2
    with receiving(world) as receiver:
        receiver.post(truth(world, job_id, GOOD[world.name]))
        eventually("the run is woken", lambda: world.woken() == {run.flow_run})
    assert world.states(run)[-1] == "trained"


def test_hints_leave_a_provider_alone_that_asks_for_it_and_the_sensor_goes_on(world: World) -> None:
    run, job_id = world.submitted()
    world.emulator.inject(Fault("refuse", "/", "GET", status=429, times=1))
    before = len(world.emulator.requests())
    with receiving(world) as receiver:
        receiver.post(truth(world, job_id, GOOD[world.name]))
        eventually("it was looked at", lambda: world.opened == 1 and len(world.emulator.requests()) > before)
        asked = len(world.emulator.requests())
        for number in range(5):
            receiver.post(truth(world, f"job-{number}", GOOD[world.name]))
        eventually("all have been followed", lambda: len(world.hints()) == 6)
    assert len(world.emulator.requests()) == asked
    end(world, job_id, "trained")
    assert poll_all(world.ledger, lambda _: world.provider).changes
    assert world.states(run)[-1] == "trained"


def test_hints_wait_while_the_sensor_leaves_an_account_alone(world: World) -> None:
    run, job_id = world.submitted()
    AccountMarks(world.ledger, run.account.slug).pause(now(), 3600)
    before = len(world.emulator.requests())
    with receiving(world, replace(QUICK, unknown_s=0)) as receiver:
        receiver.post(truth(world, job_id, GOOD[world.name]))
    assert len(world.emulator.requests()) == before


def test_flood_of_calls_asks_the_provider_so_many_times_a_minute_and_no_more(world: World) -> None:
    for _ in range(3):
        world.submitted()
    before = len(world.emulator.requests())
    with receiving(world, replace(QUICK, questions_per_minute=10)) as receiver:
        for number in range(60):
            receiver.post(truth(world, f"job-{number}", GOOD[world.name]))
        eventually("all are kept", lambda: len(world.hints()) == 60)
    # A question that is under way in another thread may take a page more than was counted for it.
    assert 0 < len(world.emulator.requests()) - before <= 10 + 3


def test_equal_bodies_are_taken_for_one_call_only_while_the_first_is_followed() -> None:
    assert timedelta(seconds=Patience().moving_s) >= 2 * SAME_CALL
