"""Segmind's one webhook: what is told to it, and what its console does."""

from pathlib import Path

import pytest

from tests.emulator.segmind_caller import SUBMIT, Caller, dataset
from tests.emulator.webhook_receiver import Receiver, quiet, settled
from tuneloop.emulator import EmulatorControl, EmulatorControlError, Fault, Progress, running_emulator

STAGES = ["TRAINING_COMPLETED", "INFERENCE_QUEUED", "AVAILABLE"]


def test_three_stages_are_told_once_each_though_nobody_asks(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.webhook(receiver.url)
    job_id = caller.train()
    told = receiver.wait(3)
    quiet()
    assert receiver.events == STAGES
    named = {"request_id": job_id, "finetune_id": job_id, "name": "harbour"}
    assert told[1].body == {"event": "INFERENCE_QUEUED", "status": "INFERENCE_QUEUED", **named}
    assert told[0].path == "/hooks/tuning?token=1"
    assert told[0].headers["Content-Type"] == "application/json"
    assert [request.path for request in emulator.requests()][-1] == SUBMIT
    logged = [(d.job_id, d.event, d.kind, d.attempt, d.status, d.error) for d in settled(emulator, 3)]
    assert logged == [(job_id, stage, "event", 1, 200, None) for stage in STAGES]


def test_the_urls_that_are_told_are_those_of_weights_and_model(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.webhook(receiver.url)
    details = caller.details(caller.train())
    told = receiver.wait(3)
    assert told[0].body["trained_model_url"] == details["cloud_storage_url"]
    assert told[2].body["inference_api_url"] == f"{emulator.url}/v1/{details['slug']}"


def test_a_training_is_told_stage_by_stage_as_time_goes_by(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.progress(Progress.after_seconds(100))
    emulator.webhook(receiver.url)
    caller.train()
    emulator.advance(350)
    quiet()
    assert receiver.events == []
    for count, stage in enumerate(STAGES, start=1):
        emulator.advance(100)
        receiver.wait(count)
        quiet()
        assert receiver.events == STAGES[:count], stage


def test_telling_does_not_count_as_a_poll(emulator: EmulatorControl, caller: Caller, receiver: Receiver) -> None:
    emulator.progress(Progress.after_polls())
    emulator.webhook(receiver.url)
    job_id = caller.train()
    quiet()
    assert emulator.jobs()[0].status == "REQUESTED"
    for _ in range(4):
        caller.details(job_id)
    receiver.wait(1)
    quiet()
    assert receiver.events == STAGES[:1]


def test_one_stage_is_told_in_one_of_two_words(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.switch(deploying_status="DEPLOYING")
    emulator.webhook(receiver.url)
    caller.train()
    receiver.wait(3)
    assert receiver.events == ["TRAINING_COMPLETED", "DEPLOYING", "AVAILABLE"]
    assert settled(emulator, 3)[1].event == "DEPLOYING"


def test_a_delivery_may_not_say_whom_it_is_about(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.switch(webhook_names_job=False)
    emulator.webhook(receiver.url)
    job_id = caller.train()
    assert receiver.wait(3)[1].body == {"event": "INFERENCE_QUEUED", "status": "INFERENCE_QUEUED"}
    assert {delivery.job_id for delivery in settled(emulator, 3)} == {job_id}


def test_a_training_that_fails_is_never_told_of(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.webhook(receiver.url)
    job_id = caller.train(dataset(0))
    assert caller.details(job_id)["status"] == "FAILED"
    quiet()
    assert (receiver.events, emulator.deliveries()) == ([], [])


def test_a_delivery_that_fails_is_not_sent_again(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    receiver.statuses = [500, 503, 302]
    emulator.webhook(receiver.url)
    caller.train()
    receiver.wait(3)
    emulator.advance(3600)
    quiet()
    assert receiver.events == STAGES
    assert [(d.attempt, d.status) for d in emulator.deliveries()] == [(1, 500), (1, 503), (1, 302)]


def test_a_receiver_that_is_not_there_is_logged(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.webhook("http://localhost:9/hook")
    caller.train()
    assert [d.status for d in settled(emulator, 3)] == [None] * 3
    assert "refused" in str(emulator.deliveries()[0].error)


def test_what_happened_before_the_registration_is_not_told(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    caller.train(name="done before")
    emulator.progress(Progress.after_seconds(100))
    caller.train(name="half way")
    emulator.advance(450)
    emulator.webhook(receiver.url)
    emulator.advance(300)
    receiver.wait(2)
    quiet()
    assert [(told.body["name"], told.body["event"]) for told in receiver.received] == [
        ("half way", "INFERENCE_QUEUED"),
        ("half way", "AVAILABLE"),
    ]


def test_a_second_webhook_is_refused_until_the_first_is_removed(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.webhook("http://127.0.0.1:9/first")
    with pytest.raises(EmulatorControlError, match="there is one already; remove it"):
        emulator.webhook(receiver.url)
    emulator.webhook(None)
    caller.train(name="untold")
    quiet()
    emulator.webhook(receiver.url)
    caller.train(name="told")
    receiver.wait(3)
    assert {told.body["name"] for told in receiver.received} == {"told"}
    assert len(settled(emulator, 3)) == 3


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "https://127.0.0.1/hook",
        "http://127.0.0.1.example.com/hook",
        "http://127.0.0.1@example.com/hook",
        "http://127.0.0.1:port/hook",
        "http://127.0.0.1/a hook",
        "ftp://127.0.0.1/hook",
        "hook",
    ],
)
def test_an_address_on_another_machine_is_refused(emulator: EmulatorControl, receiver: Receiver, url: str) -> None:
    with pytest.raises(EmulatorControlError, match="talks to http:"):
        emulator.webhook(url)
    emulator.webhook(receiver.url)


def test_the_console_sends_a_sample(emulator: EmulatorControl, receiver: Receiver) -> None:
    with pytest.raises(EmulatorControlError, match="none to send a sample to"):
        emulator.send_sample()
    receiver.statuses = [204]
    emulator.webhook(receiver.url)
    sample = emulator.send_sample()
    (told,) = receiver.received
    assert (sample.kind, sample.status, sample.event) == ("sample", 204, "TRAINING_COMPLETED")
    assert told.body["name"] == "sample"
    assert told.body["trained_model_url"].startswith(emulator.url)
    assert emulator.deliveries() == [sample]


def test_a_submit_whose_answer_was_cut_is_told_of(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver
) -> None:
    emulator.webhook(receiver.url)
    s3_url = caller.upload()
    emulator.inject(Fault("fail_after_effect", SUBMIT, status=504))
    assert caller.submit(s3_url).status_code == 504
    assert receiver.wait(3)[0].body["finetune_id"] == emulator.billing()[0].id


def test_registration_outlasts_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    with running_emulator("segmind", tmp_path) as emulator:
        emulator.webhook(receiver.url)
    with running_emulator("segmind", tmp_path, progress=Progress.at_once()) as emulator:
        with pytest.raises(EmulatorControlError, match="there is one already"):
            emulator.webhook(receiver.url)
        Caller(emulator).train()
        receiver.wait(3)
    assert receiver.events == STAGES
