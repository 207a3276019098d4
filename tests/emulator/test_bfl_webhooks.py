"""BFL's webhooks: the address and the secret of a submit, and the attempts to reach it."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.emulator.bfl_caller import BflCaller
from tests.emulator.webhook_receiver import Receiver, quiet, settled
from tuneloop.emulator import EmulatorControl, EmulatorControlError, Progress, running_emulator

SECRET = "hush-hush-ö"


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator("bfl", tmp_path, progress=Progress.at_once()) as control:
        yield control


@pytest.fixture
def caller(emulator: EmulatorControl) -> BflCaller:
    return BflCaller(emulator)


def test_the_end_of_a_training_is_told_once_to_its_own_address(caller: BflCaller, receiver: Receiver) -> None:
    caller.train()
    job_id = caller.train(webhook_url=receiver.url)
    (told,) = receiver.wait(1)
    quiet()
    assert len(receiver.received) == 1
    assert (told.body["id"], told.body["status"], told.body["result"]) == (job_id, "Ready", None)
    assert set(told.body) == {"id", "status", "result", "timestamp"}
    assert not [name for name in told.headers if name.startswith("X-")]


@pytest.mark.parametrize(("images", "end"), [(21, "Request Moderated"), (2, "Error")])
def test_a_bad_end_is_told_too(
    emulator: EmulatorControl, caller: BflCaller, receiver: Receiver, images: int, end: str
) -> None:
    emulator.progress(Progress.after_seconds(100))
    job_id = caller.train(images, webhook_url=receiver.url)
    quiet()
    assert receiver.events == []
    if end == "Error":
        emulator.fail_job(job_id, "Internal error")
    emulator.advance(100)
    receiver.wait(1)
    assert receiver.events == [end]


def test_the_secret_itself_is_the_proof(caller: BflCaller, receiver: Receiver) -> None:
    caller.train(webhook_url=receiver.url, webhook_secret=SECRET)
    (told,) = receiver.wait(1)
    assert told.headers["X-Webhook-Secret"].encode("latin-1").decode() == SECRET
    assert "X-BFL-Signature" not in told.headers


def test_a_signature_of_the_body_may_be_the_proof(
    emulator: EmulatorControl, caller: BflCaller, receiver: Receiver
) -> None:
    emulator.switch(webhook_auth="signature")
    caller.train(webhook_url=receiver.url, webhook_secret=SECRET)
    (told,) = receiver.wait(1)
    signature = hmac.new(SECRET.encode(), told.content, hashlib.sha256).hexdigest()
    assert told.headers["X-BFL-Signature"] == f"sha256={signature}"
    assert "X-Webhook-Secret" not in told.headers


def test_an_attempt_that_failed_is_made_again_after_1_and_5_and_30_seconds(
    emulator: EmulatorControl, caller: BflCaller, receiver: Receiver
) -> None:
    emulator.switch(webhook_retry_scale=100)
    receiver.statuses = [500, 302, 429, 503, 500]
    caller.train(webhook_url=receiver.url, webhook_secret=SECRET)
    settled(emulator, 1)
    for made, pause in enumerate((100, 500, 3000), start=1):
        emulator.advance(pause - 20)
        quiet()
        assert len(receiver.received) == made
        emulator.advance(20)
        settled(emulator, made + 1)
    emulator.advance(1e6)
    quiet()
    assert len({(told.content, told.headers["X-Webhook-Secret"]) for told in receiver.received}) == 1
    assert [(d.attempt, d.status) for d in emulator.deliveries()] == [(1, 500), (2, 302), (3, 429), (4, 503)]


def test_a_second_attempt_that_arrives_is_the_last(
    emulator: EmulatorControl, caller: BflCaller, receiver: Receiver
) -> None:
    emulator.switch(webhook_retry_scale=0)
    receiver.statuses = [500, 202]
    caller.train(webhook_url=receiver.url)
    settled(emulator, 2)
    quiet()
    assert [(d.attempt, d.status) for d in emulator.deliveries()] == [(1, 500), (2, 202)]


def test_an_address_on_another_machine_is_accepted_and_never_called(
    emulator: EmulatorControl, caller: BflCaller
) -> None:
    answer = caller.submit(caller.archive(), webhook_url="https://example.com/hook", webhook_secret=SECRET)
    assert answer.status_code == 200
    (delivery,) = settled(emulator, 1)
    assert (delivery.job_id, delivery.attempt, delivery.status) == (answer.json()["finetune_id"], 0, None)
    assert "this machine only" in str(delivery.error)


@pytest.mark.parametrize("secret", [SECRET, "hush\r\nX-More: 1"])
def test_the_secret_is_in_no_answer(
    emulator: EmulatorControl, caller: BflCaller, receiver: Receiver, secret: str
) -> None:
    job_id = caller.train(webhook_url=receiver.url, webhook_secret=secret)
    settled(emulator, 1)
    controls = ("jobs", "billing", "requests", "deliveries", "switches", "faults")
    shown = [requests.get(f"{emulator.url}/_emulator/{control}", timeout=60).text for control in controls]
    shown += [caller.call("GET", "/v1/my_finetunes").text, json.dumps(caller.result(job_id))]
    shown.append(caller.call("GET", "/v1/finetune_details", params={"finetune_id": job_id}).text)
    assert not [text for text in shown if "hush" in text]


def test_a_secret_that_is_no_header_is_never_sent(
    emulator: EmulatorControl, caller: BflCaller, receiver: Receiver
) -> None:
    emulator.switch(webhook_retry_scale=0)
    caller.train(webhook_url=receiver.url, webhook_secret="hush\r\nX-More: 1")
    assert "header cannot be sent" in str(settled(emulator, 4)[0].error)
    assert receiver.received == []


def test_there_is_no_console_to_register_anything(emulator: EmulatorControl, receiver: Receiver) -> None:
    with pytest.raises(EmulatorControlError, match="a submit brings its own"):
        emulator.webhook(receiver.url)
    with pytest.raises(EmulatorControlError, match="none to send a sample to"):
        emulator.send_sample()
