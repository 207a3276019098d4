from __future__ import annotations

import socket
from pathlib import Path
from threading import Barrier, Thread

import pytest

from tests.evaluation.rendering import PLAN, RENDER, TWELVE, attempt, inferences, is_complete, noting
from tuneloop.emulator import EmulatorControl, Fault
from tuneloop.errors import (
    ProviderUnavailable,
    UnexpectedResponse,
)
from tuneloop.evaluation.render import ModelUnderTest, render
from tuneloop.http.transport import RequestNotSent
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.storage.local import LocalDirectory


def test_lost_answer_is_asked_for_once_more_and_counted(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("cut_after_effect", RENDER, "POST"))
    assert render(artifacts, provider, subject, PLAN).asked_again == 1
    assert inferences(emulator) == 3


def test_answer_that_is_lost_twice_stops_the_rendering_and_keeps_what_is_there(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    one = PLAN.model_copy(update={"seeds": (1,)})
    render(artifacts, provider, subject, one)
    emulator.inject(Fault("cut_after_effect", RENDER, "POST", times=2))
    with pytest.raises(ProviderUnavailable):
        render(artifacts, provider, subject, PLAN)
    assert is_complete(render(artifacts, provider, subject, PLAN))
    assert inferences(emulator) == 4


def test_provider_that_bills_and_never_answers_is_paid_three_times_for_each_image_and_no_more(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("fail_after_effect", RENDER, "POST", status=502, times=1000))
    attempts = [attempt(artifacts, provider, subject, TWELVE) for _ in range(40)]
    assert inferences(emulator) == 36
    assert attempts[:17] == [None] * 17, "a run stops after two asks in a row, and waits"
    last = attempts[-1]
    assert last is not None
    assert (last.unanswered, is_complete(last)) == (12, False)
    assert {image.finding for image in last.images} == {"requested 3 times, no response"}


def test_run_stops_after_two_asks_in_a_row_without_an_answer(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("refuse", RENDER, "POST", status=503, times=1000))
    assert attempt(artifacts, provider, subject, TWELVE) is None
    asked = [request for request in emulator.requests() if request.path == RENDER]
    assert len(asked) == 2


def test_image_that_is_given_up_hides_no_other_and_is_asked_for_by_no_later_run(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    one = PLAN.model_copy(update={"seeds": (1,)})
    emulator.inject(Fault("cut_after_effect", RENDER, "POST", times=3))
    assert attempt(artifacts, provider, subject, one) is None
    given_up = attempt(artifacts, provider, subject, one)
    assert given_up is not None
    assert [image.finding for image in given_up.findings] == ["requested 3 times, no response"]
    both = render(artifacts, provider, subject, PLAN)
    assert [image.name is not None for image in both.images] == [False, True]
    assert both.unanswered == 1
    assert inferences(emulator) == 4


def test_image_that_was_certainly_not_asked_for_is_not_given_up(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    gone = SegmindProvider(emulator.api_key, base_url=closed)
    for _ in range(3):
        with pytest.raises(RequestNotSent):
            render(artifacts, gone, subject, PLAN)
    found = render(artifacts, provider, subject, PLAN)
    assert (is_complete(found), found.asked_again, found.unanswered) == (True, 0, 0)


def test_runs_at_once_ask_for_no_image_more_than_three_times(
    artifacts: LocalDirectory, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("fail_after_effect", RENDER, "POST", status=502, times=1000))
    plan = PLAN.model_copy(update={"seeds": (1, 2)})
    start = Barrier(6)

    def race() -> None:
        mine = SegmindProvider(emulator.api_key, base_url=emulator.url)
        start.wait()
        for _ in range(5):
            attempt(artifacts, mine, subject, plan)

    threads = [Thread(target=race) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inferences(emulator) == 6


def test_ask_whose_record_was_deleted_is_counted_all_the_same(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    one = PLAN.model_copy(update={"seeds": (1,)})
    emulator.inject(Fault("fail_after_effect", RENDER, "POST", status=502, times=2))
    assert attempt(artifacts, provider, subject, one) is None
    (first,) = (name for name in artifacts.names("render-log/") if name.endswith("-0001"))
    Path(artifacts.uri_of(first).removeprefix("file://")).unlink()
    last = attempt(artifacts, provider, subject, one)
    assert last is not None
    assert (is_complete(last), last.asked_again, inferences(emulator)) == (True, 2, 3)


def test_answer_that_cannot_be_read_is_paid_three_times_at_most(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    one = PLAN.model_copy(update={"seeds": (1,)})
    emulator.inject(Fault("fail_after_effect", RENDER, "POST", status=418, times=1000))
    for _ in range(3):
        with pytest.raises(UnexpectedResponse):
            render(artifacts, provider, subject, one)
    assert render(artifacts, provider, subject, one).unanswered == 1
    assert inferences(emulator) == 3


def test_answer_that_was_lost_with_its_process_is_counted_by_the_next_one(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    one = PLAN.model_copy(update={"seeds": (1,)})

    def killed(done: int, total: int) -> None:
        raise KeyboardInterrupt(f"{done} of {total}")

    emulator.inject(Fault("cut_after_effect", RENDER, "POST", times=2))
    with pytest.raises(ProviderUnavailable):
        render(artifacts, provider, subject, one)
    with pytest.raises(KeyboardInterrupt):
        render(artifacts, provider, subject, one, killed)
    assert render(artifacts, provider, subject, one).asked_again == 2
    assert inferences(emulator) == 3


def test_lost_answer_is_reserved_once_more_before_it_is_asked_for_again(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    told, reserve = noting(emulator)
    emulator.inject(Fault("cut_after_effect", RENDER, "POST"))
    render(artifacts, provider, subject, PLAN, reserve=reserve)
    assert told == [(2, 0), (1, 1)]
    assert inferences(emulator) == 3
