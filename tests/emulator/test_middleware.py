"""Requests that do not arrive whole, and responses that do not arrive at all."""

import time

import pytest
import requests

from tests.emulator.segmind_caller import SUBMIT, Caller, dataset
from tests.waiting import wait_until
from tuneloop.emulator import EmulatorControl, Fault


def _submits(emulator: EmulatorControl) -> list[int | None]:
    return [request.status for request in emulator.requests() if request.path == SUBMIT]


def test_half_sent_submit_has_no_effect(emulator: EmulatorControl, caller: Caller) -> None:
    connection = caller.raw_submit(caller.upload(), missing=1)
    wait_until("the submit has begun", lambda: _submits(emulator))
    connection.close()
    time.sleep(0.1)
    assert emulator.billing() == []
    assert caller.listed() == []
    assert _submits(emulator) == [None]


def test_half_sent_submit_leaves_the_fault_to_the_next_one(emulator: EmulatorControl, caller: Caller) -> None:
    s3_url = caller.upload()
    emulator.inject(Fault("refuse", SUBMIT, status=503))
    caller.raw_submit(s3_url, missing=1).close()
    assert caller.submit(s3_url).status_code == 503
    assert caller.submit(s3_url).status_code == 200


def test_submit_whose_last_byte_comes_late_is_accepted(emulator: EmulatorControl, caller: Caller) -> None:
    connection = caller.raw_submit(caller.upload(), missing=1)
    time.sleep(0.1)
    assert emulator.billing() == []
    connection.sendall(b"}")
    assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert len(emulator.billing()) == 1


def test_submit_of_a_client_that_leaves_before_the_answer_is_billed(
    emulator: EmulatorControl, caller: Caller
) -> None:
    caller.raw_submit(caller.upload(), missing=0).close()
    wait_until("it is billed", emulator.billing)
    assert [entry.name for entry in emulator.billing()] == ["harbour"]


def test_half_sent_upload_is_not_there(caller: Caller) -> None:
    place, archive = caller.place(), dataset()
    target = place["presigned_url"].removeprefix(caller.origin)
    caller.raw("PUT", target, archive, send=len(archive) - 1).close()
    time.sleep(0.1)
    assert requests.head(place["s3_url"], timeout=60).status_code == 404


def test_cut_before_the_effect_is_not_billed(emulator: EmulatorControl, caller: Caller) -> None:
    s3_url = caller.upload()
    emulator.inject(Fault("cut_before_effect", SUBMIT))
    with pytest.raises(requests.ConnectionError):
        caller.submit(s3_url)
    assert (emulator.billing(), caller.listed()) == ([], [])


def test_cut_after_the_effect_is_billed(emulator: EmulatorControl, caller: Caller) -> None:
    s3_url = caller.upload()
    emulator.inject(Fault("cut_after_effect", SUBMIT))
    with pytest.raises(requests.ConnectionError):
        caller.submit(s3_url)
    (billed,) = emulator.billing()
    (listed,) = caller.listed()
    assert billed.kind == "training"
    assert billed.id == listed["finetune_id"]
    assert _submits(emulator) == [None]


def test_500_after_the_effect_is_billed(emulator: EmulatorControl, caller: Caller) -> None:
    s3_url = caller.upload()
    emulator.inject(Fault("fail_after_effect", SUBMIT))
    response = caller.submit(s3_url)
    assert (response.status_code, response.json()) == (500, {"error": "Internal server error"})
    assert len(emulator.billing()) == len(caller.listed()) == 1


def test_500_before_the_effect_is_not_billed(emulator: EmulatorControl, caller: Caller) -> None:
    s3_url = caller.upload()
    emulator.inject(Fault("refuse", SUBMIT))
    assert caller.submit(s3_url).status_code == 500
    assert emulator.billing() == []


def test_slow_response_stands_for_an_effect_that_took_place(emulator: EmulatorControl, caller: Caller) -> None:
    s3_url = caller.upload()
    emulator.inject(Fault("slow", SUBMIT, delay_s=5))
    with pytest.raises(requests.ReadTimeout):
        caller.session.post(caller.origin + SUBMIT, json=caller.order(s3_url), timeout=0.3)
    wait_until("it is billed", emulator.billing)
    assert len(emulator.billing()) == 1


def test_image_whose_answer_was_lost_is_billed(emulator: EmulatorControl, caller: Caller) -> None:
    model = caller.train()
    caller.listed()
    emulator.inject(Fault("cut_after_effect", "/v1/"))
    with pytest.raises(requests.ConnectionError):
        caller.image(model)
    assert [entry.kind for entry in emulator.billing()] == ["training", "inference"]
    assert emulator.billing()[1].summary["seed"] == 11


def test_refused_requests_are_not_billed(emulator: EmulatorControl, caller: Caller) -> None:
    caller.call("POST", SUBMIT, json={"name": "nothing else"})
    caller.image("no-such-model")
    assert emulator.billing() == []
