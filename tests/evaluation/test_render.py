from __future__ import annotations

import io
from dataclasses import replace
from threading import Barrier, Thread

import pytest
from PIL import Image

from tests.evaluation.rendering import PLAN, RENDER, inferences, is_complete, noting
from tuneloop.emulator import EmulatorControl, Fault
from tuneloop.errors import (
    AuthenticationFailed,
    InsufficientCredits,
    RequestRejected,
)
from tuneloop.evaluation.render import ModelUnderTest, blank_reason, image_stem, render
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxDevRender
from tuneloop.storage.local import LocalDirectory


def test_every_prompt_and_seed_is_rendered_once_in_its_life(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    first = render(artifacts, provider, subject, PLAN)
    second = render(artifacts, provider, subject, PLAN)
    assert is_complete(first)
    assert first == second
    assert [image.prompt for image in first.images] == ["a photo of ROBOX"] * 2
    assert inferences(emulator) == 2


@pytest.mark.parametrize(("status", "reason"), [(401, ""), (406, "credits"), (404, "")])
def test_trouble_with_the_account_is_answered_and_uses_up_no_ask(
    artifacts: LocalDirectory,
    provider: SegmindProvider,
    subject: ModelUnderTest,
    emulator: EmulatorControl,
    status: int,
    reason: str,
) -> None:
    emulator.inject(Fault("refuse", RENDER, "POST", status=status, reason=reason, times=5))
    for _ in range(5):
        with pytest.raises(RequestRejected):
            render(artifacts, provider, subject, PLAN)
    assert is_complete(render(artifacts, provider, subject, PLAN))


def test_full_queue_is_waited_for(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    emulator.switch(rate_window_s=1)
    emulator.inject(Fault("refuse", RENDER, "POST", status=429))
    evaluation = render(artifacts, provider, subject, PLAN)
    assert is_complete(evaluation)
    assert evaluation.asked_again == 0
    assert inferences(emulator) == 2


def test_refused_image_is_a_finding(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("refuse", RENDER, "POST", status=400))
    evaluation = render(artifacts, provider, subject, PLAN)
    assert not is_complete(evaluation)
    assert len(evaluation.findings) == 1


def test_wrong_key_is_no_finding_but_an_error(
    artifacts: LocalDirectory, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    stranger = SegmindProvider("SG_ffffffffffffffff", base_url=emulator.url)
    with pytest.raises(AuthenticationFailed):
        render(artifacts, stranger, subject, PLAN)


def test_hardware_makes_no_other_image_but_a_setting_does() -> None:
    stem = image_stem("p", 1, FluxDevRender())
    assert stem == image_stem("p", 1, FluxDevRender(hardware="fast"))
    assert stem != image_stem("p", 1, FluxDevRender(steps=26))
    assert stem != image_stem("p", 2, FluxDevRender())


@pytest.mark.parametrize("color", [(120, 120, 120), (0, 0, 0)])
def test_flat_image_is_blank(color: tuple[int, int, int]) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), color).save(buffer, "JPEG")
    assert blank_reason(buffer.getvalue()) == "blank: one flat tone"


def test_bytes_that_are_no_image_are_a_finding() -> None:
    assert blank_reason(b"not an image") == "not a readable image"


def test_refused_and_queued_requests_are_not_called_asked_again(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    one = PLAN.model_copy(update={"seeds": (1,)})
    emulator.inject(Fault("refuse", RENDER, "POST", status=400))
    assert render(artifacts, provider, subject, one).findings
    emulator.switch(rate_window_s=1)
    emulator.inject(Fault("refuse", RENDER, "POST", status=429))
    assert render(artifacts, provider, subject, one).asked_again == 0


def test_price_is_reserved_before_the_first_image_and_only_for_those_that_are_missing(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    told, reserve = noting(emulator)
    render(artifacts, provider, subject, PLAN.model_copy(update={"seeds": (1,)}), reserve=reserve)
    render(artifacts, provider, subject, PLAN, reserve=reserve)
    render(artifacts, provider, subject, PLAN, reserve=reserve)
    assert told == [(1, 0), (1, 1)]


def test_money_that_was_reserved_in_vain_is_not_reserved_again_by_every_try(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    told, reserve = noting(emulator)
    emulator.inject(Fault("refuse", RENDER, "POST", status=406, reason="credits", times=5))
    for _ in range(5):
        with pytest.raises(InsufficientCredits):
            render(artifacts, provider, subject, PLAN, reserve=reserve)
    evaluation = render(artifacts, provider, subject, PLAN, reserve=reserve)
    assert (is_complete(evaluation), evaluation.asked_again, told) == (True, 0, [(2, 0)])


def test_two_runs_that_render_the_same_model_at_once_share_the_work(
    artifacts: LocalDirectory, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    plan = PLAN.model_copy(update={"seeds": tuple(range(12))})
    start, told = Barrier(2), []

    def race() -> None:
        mine = SegmindProvider(emulator.api_key, base_url=emulator.url)
        start.wait()
        told.append(render(artifacts, mine, subject, plan))

    threads = [Thread(target=race) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = told
    assert is_complete(first)
    assert first.images == second.images
    assert inferences(emulator) <= 12 + 1
    assert max(first.asked_again, second.asked_again) == inferences(emulator) - 12


def test_prompts_that_are_the_same_without_the_trigger_word_are_paid_once(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    plan = PLAN.model_copy(update={"prompts": ("{trigger} at sea", "at sea"), "seeds": (1,)})
    wordless = replace(subject, trigger_word=None)
    assert is_complete(render(artifacts, provider, wordless, plan))
    assert inferences(emulator) == 1
