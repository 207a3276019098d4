"""Deliveries that are lost, doubled, turned round, late, false or too early."""

import threading
from pathlib import Path

import pytest

from tests.emulator.bfl_caller import BflCaller
from tests.emulator.segmind_caller import SUBMIT, Caller
from tests.emulator.webhook_receiver import Receiver, quiet, settled
from tests.waiting import LIMIT_S
from tuneloop.emulator import EmulatorControl, EmulatorControlError, Fault, Progress, Switches, running_emulator

STAGES = ["TRAINING_COMPLETED", "INFERENCE_QUEUED", "AVAILABLE"]


@pytest.fixture(autouse=True)
def _registered(emulator: EmulatorControl, receiver: Receiver) -> None:
    emulator.webhook(receiver.url)


def keep_looking(emulator: EmulatorControl, caller: Caller) -> None:
    """Leave a delivery that is due in a far future, for without one nobody would look at anything."""
    emulator.switch(webhook_delay_s=1e9)
    caller.train(name="to be told of one day")
    quiet()
    emulator.switch(webhook_delay_s=0)


def test_dropped_deliveries_never_arrive_and_are_logged_as_such(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.switch(webhook_copies=0)
    caller.train()
    logged = [(d.event, d.attempt, d.status, d.error) for d in settled(emulator, 3)]
    assert logged == [(stage, 0, None, "dropped") for stage in STAGES]
    emulator.switch(webhook_copies=1)
    quiet()
    assert receiver.events == []


def test_each_delivery_may_come_three_times(caller: Caller, emulator: EmulatorControl, receiver: Receiver) -> None:
    emulator.switch(webhook_copies=3)
    caller.train()
    receiver.wait(9)
    quiet()
    assert receiver.events == [stage for stage in STAGES for _ in range(3)]


def test_deliveries_may_come_with_the_last_one_first(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.progress(Progress.after_seconds(100))
    emulator.switch(webhook_reverse_s=1000)
    caller.train()
    emulator.advance(401)
    quiet()
    emulator.advance(201)
    quiet()
    assert receiver.events == []
    emulator.advance(1000)
    receiver.wait(3)
    assert receiver.events == STAGES[::-1]


def test_deliveries_may_come_late(emulator: EmulatorControl, caller: Caller, receiver: Receiver) -> None:
    emulator.switch(webhook_delay_s=60)
    job_id = caller.train()
    quiet()
    assert (receiver.events, caller.details(job_id)["status"]) == ([], "AVAILABLE")
    emulator.advance(60)
    receiver.wait(3)
    assert receiver.events == STAGES


def test_what_waits_for_a_removed_webhook_is_dropped(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.switch(webhook_delay_s=60)
    caller.train()
    quiet()
    emulator.webhook(None)
    emulator.webhook(receiver.url)
    emulator.advance(60)
    quiet()
    assert receiver.events == []


def test_a_false_delivery_says_that_a_training_has_come_to_its_end(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.progress(Progress.after_seconds(1e9))
    job_id = caller.train()
    quiet()
    emulator.switch(webhook_forged=True)
    (told,) = receiver.wait(1)
    quiet()
    assert len(receiver.received) == 1
    assert (told.body["event"], told.body["finetune_id"]) == ("AVAILABLE", job_id)
    assert caller.details(job_id)["status"] == "REQUESTED"
    assert [(d.kind, d.status) for d in settled(emulator, 1)] == [("forged", 200)]


def test_a_false_delivery_says_that_a_good_training_has_failed(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.switch(webhook_forged=True)
    caller.train()
    receiver.wait(4)
    assert receiver.events == ["FAILED", *STAGES]
    assert [d.kind for d in settled(emulator, 4)] == ["forged", "event", "event", "event"]


@pytest.mark.parametrize(("proof", "header"), [("secret", "X-Webhook-Secret"), ("signature", "X-BFL-Signature")])
def test_a_false_delivery_has_a_wrong_proof_and_is_sent_once(
    tmp_path: Path, receiver: Receiver, proof: str, header: str
) -> None:
    with running_emulator("bfl", tmp_path, progress=Progress.after_seconds(100)) as bfl:
        bfl.switch(webhook_forged=True, webhook_auth=proof, webhook_retry_scale=0)
        receiver.statuses = [401]
        BflCaller(bfl).train(webhook_url=receiver.url, webhook_secret="hush")
        receiver.wait(1)
        quiet()
        bfl.advance(100)
        false, true = receiver.wait(2)
        assert false.body["status"] == true.body["status"] == "Ready"
        assert header in false.headers
        assert header in true.headers
        assert false.headers[header] != true.headers[header]
        assert [(d.kind, d.attempt) for d in settled(bfl, 2)] == [("forged", 1), ("event", 1)]


def test_a_slow_submit_is_answered_before_its_training_is_told_of(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    keep_looking(emulator, caller)
    s3_url = caller.upload()
    emulator.inject(Fault("slow", SUBMIT, delay_s=0.5))
    answered: list[int | None] = []
    receiver.on_arrival = lambda: answered.append(emulator.requests()[-1].status)
    caller.submit(s3_url)
    receiver.wait(3)
    assert answered[0] == 200


def test_the_first_delivery_may_come_before_the_submit_is_answered(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    keep_looking(emulator, caller)
    emulator.switch(webhook_early=True)
    seen: list[tuple[str, int | None]] = []
    s3_url = caller.upload()
    asking = Caller(emulator)

    def ask() -> None:
        # A receiver that asks the emulator before it answers is itself answered.
        submits = [request.status for request in emulator.requests() if request.path == SUBMIT]
        seen.append((asking.details(receiver.received[0].body["finetune_id"])["status"], submits[-1]))
        quiet()

    receiver.on_arrival = ask
    assert caller.submit(s3_url).status_code == 200
    assert seen[0] == ("AVAILABLE", None)
    receiver.wait(3)
    quiet()
    assert receiver.events == STAGES


def test_an_early_delivery_may_not_be_true_yet_and_is_not_repeated(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.progress(Progress.after_seconds(100))
    emulator.switch(webhook_early=True)
    job_id = caller.train()
    assert receiver.events == STAGES[:1]
    assert caller.details(job_id)["status"] == "REQUESTED"
    emulator.advance(700)
    receiver.wait(3)
    quiet()
    assert receiver.events == STAGES


def test_an_early_end_is_put_right_when_the_training_fails(tmp_path: Path, receiver: Receiver) -> None:
    with running_emulator("bfl", tmp_path, progress=Progress.after_seconds(100)) as bfl:
        bfl.switch(webhook_early=True)
        job_id = BflCaller(bfl).train(webhook_url=receiver.url)
        assert receiver.events == ["Ready"]
        bfl.fail_job(job_id, "Internal error")
        receiver.wait(2)
        assert receiver.events == ["Ready", "Error"]


def test_a_training_may_be_told_of_though_its_submit_is_never_answered(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.switch(webhook_early=True)
    s3_url = caller.upload()
    emulator.inject(Fault("fail_after_effect", SUBMIT, status=504))
    assert caller.submit(s3_url).status_code == 504
    assert receiver.received[0].body["finetune_id"] == emulator.jobs()[0].id
    receiver.wait(3)
    assert receiver.events == STAGES


def test_a_silent_receiver_is_given_up_after_the_time_out(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.switch(webhook_timeout_s=0.2)
    awake = threading.Event()
    receiver.on_arrival = lambda: awake.wait(LIMIT_S)
    caller.train()
    assert ["TimeoutError" in str(d.error) for d in settled(emulator, 3)] == [True] * 3
    awake.set()


@pytest.mark.parametrize("early", [False, True])
def test_an_emulator_that_stops_waits_for_no_receiver(tmp_path: Path, receiver: Receiver, early: bool) -> None:
    folder = tmp_path / "other"
    with running_emulator("segmind", folder, progress=Progress.after_seconds(100)) as emulator:
        emulator.webhook(receiver.url)
        awake, left = threading.Event(), list[bool]()
        receiver.on_arrival = lambda: left.append(awake.wait(LIMIT_S))
        caller = Caller(emulator)
        s3_url = caller.upload()
        emulator.switch(webhook_early=early)
        if early:
            caller.raw_submit(s3_url, missing=1).sendall(b"}")
        else:
            caller.submit(s3_url)
            emulator.advance(401)
        receiver.wait(1)
    assert not left
    awake.set()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"webhook_auth": "both"}, "should be 'secret' or 'signature'"),
        ({"webhook_copies": -1}, "greater than or equal to 0"),
        ({"webhook_copies": 1.5}, "valid integer"),
        ({"webhook_delay_s": -1}, "greater than or equal to 0"),
        ({"webhook_timeout_s": 0}, "greater than 0"),
        ({"webhook_early": 1}, "valid boolean"),
    ],
)
def test_a_webhook_switch_that_is_none_is_refused(
    emulator: EmulatorControl, wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(EmulatorControlError, match=message):
        emulator.switch(**wrong)
    assert emulator.switches() == Switches()
