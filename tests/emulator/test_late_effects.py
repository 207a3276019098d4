"""Requests that take effect after their client has given them up, and senders who never finish."""

import json
import time
from pathlib import Path

import pytest
import requests

from tests.emulator.segmind_caller import SUBMIT, Caller, dataset
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator


def test_a_submit_that_was_cut_may_be_accepted_later(emulator: EmulatorControl, caller: Caller) -> None:
    s3_url = caller.upload()
    begun = emulator.now()
    emulator.inject(Fault("cut_before_late_effect", SUBMIT, delay_s=60))
    with pytest.raises(requests.ConnectionError):
        caller.submit(s3_url)
    assert (caller.listed(), emulator.billing()) == ([], [])
    emulator.advance(59)
    assert (caller.listed(), emulator.billing()) == ([], [])
    emulator.advance(300)
    (billed,) = emulator.billing()
    (listed,) = caller.listed()
    assert billed.id == listed["finetune_id"]
    # It was accepted when it was due, not when somebody looked.
    assert billed.time - begun == pytest.approx(60, abs=5)
    assert emulator.jobs()[0].created == billed.time


def test_a_submit_answered_with_504_may_be_accepted_later(emulator: EmulatorControl, caller: Caller) -> None:
    s3_url = caller.upload()
    emulator.inject(Fault("fail_before_late_effect", SUBMIT, status=504, delay_s=5))
    assert caller.submit(s3_url).status_code == 504
    assert emulator.billing() == []
    emulator.advance(5)
    assert [job["name"] for job in caller.listed()] == ["harbour"]
    statuses = [request.status for request in emulator.requests() if request.path == SUBMIT]
    assert statuses == [504]


def test_late_submits_are_accepted_in_the_order_of_their_times(emulator: EmulatorControl, caller: Caller) -> None:
    s3_url = caller.upload()
    for delay in (9, 3, 6):
        emulator.inject(Fault("fail_before_late_effect", SUBMIT, status=504, delay_s=delay))
        caller.submit(s3_url, name=f"after {delay}")
    emulator.advance(7)
    assert [job["name"] for job in caller.listed()] == ["after 3", "after 6"]
    emulator.advance(7)
    assert [entry.name for entry in emulator.billing()] == ["after 3", "after 6", "after 9"]


def test_a_late_acceptance_comes_in_real_time_too(emulator: EmulatorControl, caller: Caller) -> None:
    s3_url = caller.upload()
    emulator.inject(Fault("fail_before_late_effect", SUBMIT, status=504, delay_s=0.3))
    caller.submit(s3_url)
    assert caller.listed() == []
    time.sleep(0.35)
    assert len(caller.listed()) == 1


def test_what_would_have_been_refused_is_not_accepted_later(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.inject(Fault("fail_before_late_effect", SUBMIT, status=504, delay_s=1))
    caller.submit("https://example.com/set.zip")
    emulator.advance(2)
    assert (caller.listed(), emulator.billing()) == ([], [])


def test_a_stopped_emulator_forgets_what_was_to_come(tmp_path: Path) -> None:
    with running_emulator("segmind", tmp_path, progress=Progress.at_once()) as emulator:
        caller = Caller(emulator)
        s3_url = caller.upload()
        emulator.inject(Fault("fail_before_late_effect", SUBMIT, status=504, delay_s=1))
        caller.submit(s3_url)
    with running_emulator("segmind", tmp_path) as emulator:
        emulator.advance(10)
        assert emulator.billing() == []


def test_a_half_sent_submit_is_cut_after_the_read_timeout(emulator: EmulatorControl, caller: Caller) -> None:
    s3_url = caller.upload()
    emulator.switch(read_timeout_s=0.3)
    begun = time.monotonic()
    assert caller.raw_submit(s3_url, missing=1).recv(100) == b""
    assert 0.25 < time.monotonic() - begun < 3
    assert emulator.billing() == []


def test_bytes_that_keep_coming_are_waited_for(emulator: EmulatorControl, caller: Caller) -> None:
    body = json.dumps(caller.order(caller.upload())).encode()
    emulator.switch(read_timeout_s=0.4)
    connection = caller.raw("POST", SUBMIT, body, send=len(body) - 3)
    for position in (-3, -2, -1):
        time.sleep(0.2)
        connection.sendall(body[position : position + 1 or None])
    assert connection.recv(12) == b"HTTP/1.1 200"


def test_a_half_sent_upload_is_cut_too(emulator: EmulatorControl, caller: Caller) -> None:
    place, archive = caller.place(), dataset()
    emulator.switch(read_timeout_s=0.2)
    target = place["presigned_url"].removeprefix(caller.origin)
    connection = caller.raw("PUT", target, archive, send=len(archive) - 1)
    connection.recv(100)
    assert requests.head(place["s3_url"], timeout=5).status_code == 404


def test_a_slow_answer_is_no_half_sent_request(emulator: EmulatorControl, caller: Caller) -> None:
    s3_url = caller.upload()
    emulator.switch(read_timeout_s=0.2)
    emulator.inject(Fault("slow", SUBMIT, delay_s=0.5))
    assert caller.submit(s3_url).status_code == 200
