"""Error pages, effects that come late, and responses that are too slow, far too large, or no success at all."""

import time
import tracemalloc
import zlib
from pathlib import Path

import pytest
import requests

from tests.emulator.bfl_caller import BflCaller
from tests.emulator.segmind_caller import SUBMIT, Caller
from tests.waiting import wait_until
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator

LIST = "/finetune/request/list"


@pytest.mark.parametrize("kind", ["refuse", "fail_after_effect"])
def test_a_gateway_answers_in_html_before_or_after_the_effect(
    emulator: EmulatorControl, caller: Caller, kind: str
) -> None:
    s3_url = caller.upload()
    emulator.inject(Fault(kind, SUBMIT, status=504, body="html"))  # type: ignore[arg-type]
    response = caller.submit(s3_url)
    assert response.status_code == 504
    assert response.headers["content-type"].startswith("text/html")
    assert "<h1>504 Gateway Timeout</h1>" in response.text
    assert len(emulator.billing()) == (kind == "fail_after_effect")


@pytest.mark.parametrize("kind", ["refuse", "fail_after_effect"])
def test_a_success_may_carry_an_error_with_or_without_the_effect(
    emulator: EmulatorControl, caller: Caller, kind: str
) -> None:
    s3_url = caller.upload()
    emulator.inject(Fault(kind, SUBMIT, status=200, reason="Insufficient credits"))  # type: ignore[arg-type]
    response = caller.submit(s3_url)
    assert (response.status_code, response.json()) == (200, {"error": "Insufficient credits"})
    assert len(emulator.billing()) == (kind == "fail_after_effect")


def test_bfl_has_its_own_words_for_an_error_under_a_success(bfl: EmulatorControl) -> None:
    bfl.inject(Fault("fail_after_effect", "/v1/finetune", "POST", status=200, reason="Insufficient credits"))
    caller = BflCaller(bfl)
    assert caller.submit(caller.archive()).json() == {"detail": "Insufficient credits"}
    assert len(bfl.billing()) == 1


@pytest.mark.parametrize("status", [402, 407, 408, 409, 411, 413, 414, 415, 425, 431, 503])
def test_any_rejection_can_be_met(emulator: EmulatorControl, caller: Caller, status: int) -> None:
    s3_url = caller.upload()
    emulator.inject(Fault("refuse", SUBMIT, status=status))
    response = caller.submit(s3_url)
    assert response.status_code == status
    assert response.json()["error"]
    assert emulator.billing() == []


def test_a_redirect_points_back_or_elsewhere_and_has_no_effect(emulator: EmulatorControl, caller: Caller) -> None:
    s3_url = caller.upload()
    emulator.inject(Fault("refuse", SUBMIT, status=307))
    emulator.inject(Fault("refuse", SUBMIT, status=301, location="https://elsewhere.example/submit"))
    order = caller.order(s3_url)
    back, away = (caller.call("POST", SUBMIT, json=order, allow_redirects=False) for _ in range(2))
    assert (back.status_code, back.headers["Location"]) == (307, SUBMIT)
    assert (away.status_code, away.headers["Location"]) == (301, "https://elsewhere.example/submit")
    assert emulator.billing() == []


def test_a_client_that_follows_a_redirect_pays(emulator: EmulatorControl, caller: Caller) -> None:
    s3_url = caller.upload()
    emulator.inject(Fault("fail_after_effect", SUBMIT, status=307))
    assert caller.submit(s3_url).status_code == 200
    assert len(emulator.billing()) == 2


def _unpacked_size(response: requests.Response) -> int:
    """Unpack without keeping anything."""
    size, reader = 0, zlib.decompressobj(wbits=31)
    for piece in response.raw.stream(1 << 14, decode_content=False):
        while piece:
            size += len(reader.decompress(piece))
            piece = reader.unused_data  # noqa: PLW2901
            if reader.eof:
                reader = zlib.decompressobj(wbits=31)
    return size


def test_an_error_may_unpack_to_gigabytes_which_the_emulator_never_holds(
    emulator: EmulatorControl, caller: Caller
) -> None:
    tracemalloc.start()
    emulator.inject(Fault("refuse", LIST, status=404, padding_bytes=2 << 30))
    response = caller.call("GET", LIST, stream=True)
    packed = sum(map(len, response.raw.stream(1 << 16, decode_content=False)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (response.status_code, response.headers["content-encoding"]) == (404, "gzip")
    assert packed < 3 << 20
    assert peak < 64 << 20


@pytest.mark.parametrize("padding", ["gzip", "plain"])
def test_padded_json_is_the_same_json(emulator: EmulatorControl, caller: Caller, padding: str) -> None:
    caller.train()
    listed = caller.listed()
    emulator.inject(Fault("answer", LIST, padding_bytes=20_000_001, padding=padding))  # type: ignore[arg-type]
    response = caller.call("GET", LIST)
    assert response.json() == listed
    assert len(response.content) > 20_000_000
    assert len(caller.call("GET", LIST).content) < 5000


def test_a_packed_answer_is_as_long_as_it_says(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.inject(Fault("answer", LIST, padding_bytes=(1 << 26) + 7))
    response = caller.call("GET", LIST, stream=True)
    assert _unpacked_size(response) == (1 << 26) + 7 + len("[]")


def test_an_answer_drips_byte_by_byte(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.inject(Fault("answer", LIST, drip_s=0.02))
    begun = time.monotonic()
    response = caller.call("GET", LIST, stream=True)
    pieces = [response.raw.read(1) for _ in range(2)]
    assert pieces == [b"[", b"]"]
    assert time.monotonic() - begun >= 0.04


def test_a_dripping_submit_has_been_accepted_before_its_first_byte(
    emulator: EmulatorControl, caller: Caller
) -> None:
    s3_url = caller.upload()
    emulator.inject(Fault("answer", SUBMIT, drip_s=60))
    with pytest.raises(requests.ConnectionError, match="Read timed out"):
        caller.session.post(caller.origin + SUBMIT, json=caller.order(s3_url), timeout=0.3)
    wait_until("it is billed", emulator.billing)
    assert len(emulator.billing()) == 1


def test_an_error_drips_too(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.inject(Fault("refuse", LIST, status=502, drip_s=0.001))
    response = caller.call("GET", LIST)
    assert (response.status_code, response.json()) == (502, {"error": "Service temporarily unavailable"})


@pytest.mark.parametrize("wrong", [{"body": "xml"}, {"padding": "zip"}, {"padding_bytes": -1}, {"drip_s": -1}])
def test_a_body_that_cannot_be_is_rejected_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Fault"):
        Fault("refuse", **wrong)  # type: ignore[arg-type]


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
    wait_until("it is accepted", caller.listed)
    assert len(caller.listed()) == 1


def test_what_would_have_been_rejected_is_not_accepted_later(emulator: EmulatorControl, caller: Caller) -> None:
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
