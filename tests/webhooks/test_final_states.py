"""What becomes of a call: the ledger says what the provider's API says, whatever the call says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.ledger.test_submission import old_claim
from tests.waiting import wait_until
from tests.webhooks.world import PATH, Receiver, World, receiving, truth
from tuneloop.clock import Deadline
from tuneloop.emulator import Progress
from tuneloop.ledger.training import TrainingLog

GOOD, BAD = {"segmind": "AVAILABLE", "bfl": "Ready"}, {"segmind": "FAILED", "bfl": "Error"}

Delivery = Callable[[World, Receiver, str], None]


def once(world: World, receiver: Receiver, job_id: str) -> None:
    receiver.post(truth(world, job_id, GOOD[world.name]))


def ten_times(world: World, receiver: Receiver, job_id: str) -> None:
    body = truth(world, job_id, GOOD[world.name])
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
        if ending == "failed":
            world.emulator.fail_job(job_id, "GPU overloaded")
        else:
            world.emulator.progress(Progress.at_once())
        delivery(world, receiver, job_id)
        if delivery is dropped:
            world.tick()
        wait_until("the end is recorded", lambda: world.states(run)[-1] == ending)
        wait_until("its run is woken", lambda: world.woken == {run.flow_run})
    assert world.states(run) == ["claimed", "submitted", ending]
    assert TrainingLog(world.ledger, run.key, 1).job_id == job_id


@pytest.mark.parametrize("word", ["AVAILABLE", "FAILED", "Ready", "Error", "TRAINING_COMPLETED"])
def test_made_up_end_of_a_running_training_changes_nothing(world: World, word: str) -> None:
    run, job_id = world.submitted()
    other, _ = world.submitted()
    with receiving(world) as receiver:
        receiver.post({**truth(world, job_id, word), "name": f"{run.key[:16]}-g1"})
        wait_until("the account is polled", lambda: len(world.runs) == 1)
        receiver.post({"name": f"{other.key[:16]}-g1", "status": word, "finetune_id": job_id})
        wait_until("the account is polled again", lambda: len(world.runs) == 2)
    assert world.states(run) == world.states(other) == ["claimed", "submitted"]
    assert world.woken == set()


def test_call_before_the_submits_response_finds_the_job_by_its_name(world: World) -> None:
    run, provider = world.marked(), world.provider
    claim = old_claim(run, timedelta(seconds=-600))
    world.ledger.append(run.key, None, claim)
    uploaded = provider.deliver("a-name", world.archive)
    job_id = provider.submit(claim.name, world.recipe, uploaded, Deadline(60)).job_id
    world.emulator.progress(Progress.at_once())
    with receiving(world) as receiver:
        receiver.post(truth(world, job_id, GOOD[world.name]))
        wait_until("the end is recorded", lambda: world.states(run)[-1] == "trained")
    assert world.states(run) == ["claimed", "submitted", "trained"]
    assert TrainingLog(world.ledger, run.key, 1).job_id == job_id


def test_flood_of_forged_calls_makes_no_sensor_run_and_of_true_ones_one_per_pause(world: World) -> None:
    world.submitted()
    before = len(world.emulator.requests())
    with receiving(world, pause_s=3600) as receiver:
        for number in range(100):
            assert receiver.post(truth(world, f"job-{number}", "?"), path=f"{PATH}-{number}") == 404
        assert world.runs == []
        for number in range(100):
            assert receiver.post(truth(world, f"job-{number}", "?")) == 200
        wait_until("the account is polled", lambda: bool(world.runs))
    assert world.runs == [world.account.account]
    assert len(world.emulator.requests()) - before == 1
