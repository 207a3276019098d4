"""Which requests a queued fault hits."""

import pytest

from tests.emulator.segmind_caller import SUBMIT, Caller, dataset
from tuneloop.emulator import EmulatorControl, EmulatorControlError, Fault, Progress

LIST = "/finetune/request/list"


def _statuses(caller: Caller, count: int) -> list[int]:
    return [caller.call("GET", LIST).status_code for _ in range(count)]


def test_a_fault_hits_as_often_as_it_says_and_then_no_more(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.inject(Fault("refuse", LIST, times=2, status=502))
    assert _statuses(caller, 4) == [502, 502, 200, 200]


def test_faults_of_one_route_are_met_in_the_order_they_were_queued(
    emulator: EmulatorControl, caller: Caller
) -> None:
    emulator.inject(Fault("refuse", LIST, status=429))
    emulator.inject(Fault("refuse", "/finetune/", status=500))
    assert _statuses(caller, 3) == [429, 500, 200]


def test_a_fault_of_another_route_or_verb_waits(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.inject(Fault("refuse", SUBMIT))
    emulator.inject(Fault("refuse", LIST, method="POST"))
    assert _statuses(caller, 1) == [200]


def test_cleared_faults_hit_nothing(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.inject(Fault("refuse", LIST))
    emulator.clear_faults()
    assert _statuses(caller, 1) == [200]


def test_too_many_requests_names_the_end_of_the_window_and_no_retry_after(
    emulator: EmulatorControl, caller: Caller
) -> None:
    emulator.inject(Fault("refuse", LIST, status=429))
    response = caller.call("GET", LIST)
    assert "x-rate-limit-reset-at-utc" in response.headers
    assert "Retry-After" not in response.headers


def test_a_rejected_object_is_refused_in_the_words_of_the_store(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.inject(Fault("refuse", "/s3/", status=503))
    response = caller.session.put(caller.place()["presigned_url"], data=b"PK", timeout=60)
    assert response.status_code == 503
    assert "<Code>ServiceUnavailable</Code>" in response.text


def test_control_routes_meet_no_fault(emulator: EmulatorControl) -> None:
    emulator.inject(Fault("refuse", "/", times=100))
    assert emulator.health()["status"] == "ok"
    assert emulator.requests() == []


@pytest.mark.parametrize(
    "wrong", [{"kind": "explode"}, {"kind": "slow", "times": 0}, {"kind": "refuse", "method": "get"}]
)
def test_a_fault_that_would_never_hit_is_rejected_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Fault"):
        Fault(**wrong)  # type: ignore[arg-type]


def test_a_control_that_cannot_be_used_says_why(emulator: EmulatorControl) -> None:
    with pytest.raises(EmulatorControlError, match="kind: Input should be 'answer'"):
        emulator._call("POST", "faults", kind="explode")
    with pytest.raises(EmulatorControlError, match="only moves forward"):
        emulator.advance(-1)


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("", "Insufficient credits"),
        ("credits", "Insufficient credits"),
        ("spend limit", "Team spend limit exceeded"),
        ("The moon is full", "The moon is full"),
    ],
)
def test_only_the_message_shows_the_meanings_of_406_apart(
    emulator: EmulatorControl, caller: Caller, reason: str, message: str
) -> None:
    emulator.inject(Fault("refuse", SUBMIT, status=406, reason=reason))
    response = caller.submit(caller.upload())
    assert (response.status_code, response.json()) == (406, {"error": message})


def test_a_retired_service_takes_no_training_and_still_draws(emulator: EmulatorControl, caller: Caller) -> None:
    model, s3_url = caller.train(), caller.upload()
    caller.listed()
    emulator.inject(Fault("refuse", SUBMIT, status=410, times=10**6))
    assert [caller.submit(s3_url).status_code for _ in range(3)] == [410] * 3
    assert caller.image(model).status_code == 200


def test_a_failed_training_stays_on_the_bill_as_refunded(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.progress(Progress.after_seconds(60))
    good, bad, stopped = caller.train(name="good"), caller.train(dataset(0), name="bad"), caller.train(name="stop")
    assert [entry.refunded for entry in emulator.billing()] == [False] * 3
    emulator.fail_job(stopped, "Internal Server Error")
    emulator.advance(3600)
    assert [entry.id for entry in emulator.billing() if entry.refunded] == [bad, stopped]
    assert caller.details(good)["status"] == "AVAILABLE"
