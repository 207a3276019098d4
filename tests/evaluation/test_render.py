from __future__ import annotations

import io
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread

import pytest
from PIL import Image

from tuneloop.clock import Deadline
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault
from tuneloop.errors import (
    AuthenticationFailed,
    InsufficientCredits,
    ProviderUnavailable,
    RequestRejected,
    UnexpectedResponse,
)
from tuneloop.evaluation.blank import blank_reason
from tuneloop.evaluation.render import ModelUnderTest, image_stem, render
from tuneloop.http.transport import RequestNotSent
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxDevRender, FluxLoraRecipe
from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.storage.local import LocalDirectory

RENDER = "/v1/flux-dev-finetuned"
PLAN = EvaluationConfig(prompts=("a photo of {trigger}",), seeds=(1, 2), settings=FluxDevRender())


def inferences(emulator: EmulatorControl) -> int:
    return sum(entry.kind == "inference" for entry in emulator.billing())


@pytest.fixture
def subject(provider: SegmindProvider, archive: DatasetArchive, recipe: FluxLoraRecipe) -> ModelUnderTest:
    job_id = provider.submit("robot-1", recipe, provider.upload(archive), archive, Deadline(60))
    provider.status(job_id)
    return ModelUnderTest("robot-1", job_id, "ROBOX")


def test_every_prompt_and_seed_is_rendered_once_in_its_life(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    first = render(artifacts, provider, subject, PLAN)
    second = render(artifacts, provider, subject, PLAN)
    assert first.complete
    assert first == second
    assert [image.prompt for image in first.images] == ["a photo of ROBOX"] * 2
    assert inferences(emulator) == 2


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
    assert render(artifacts, provider, subject, PLAN).complete
    assert inferences(emulator) == 4


TWELVE = PLAN.model_copy(update={"seeds": tuple(range(12))})


def attempt(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, plan: EvaluationConfig
) -> Evaluation | None:
    """One run's rendering, None where it stopped because nothing was answered."""
    with suppress(ProviderUnavailable):
        return render(artifacts, provider, subject, plan)
    return None


def test_provider_that_bills_and_never_answers_is_paid_three_times_for_each_image_and_no_more(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("fail_after_effect", RENDER, "POST", status=502, times=1000))
    attempts = [attempt(artifacts, provider, subject, TWELVE) for _ in range(40)]
    assert inferences(emulator) == 36
    assert attempts[:17] == [None] * 17, "a run stops after two asks in a row, and waits"
    last = attempts[-1]
    assert last is not None
    assert (last.unanswered, last.complete) == (12, False)
    assert {image.finding for image in last.images} == {"asked 3 times, no answer"}


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
    assert [image.finding for image in given_up.findings] == ["asked 3 times, no answer"]
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
    assert (found.complete, found.asked_again, found.unanswered) == (True, 0, 0)


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
    assert (last.complete, last.asked_again, inferences(emulator)) == (True, 2, 3)


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
    assert render(artifacts, provider, subject, PLAN).complete


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


def test_full_queue_is_waited_for(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("refuse", RENDER, "POST", status=429))
    evaluation = render(artifacts, provider, subject, PLAN)
    assert evaluation.complete
    assert evaluation.asked_again == 0
    assert inferences(emulator) == 2


def test_refused_image_is_a_finding(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("refuse", RENDER, "POST", status=400))
    evaluation = render(artifacts, provider, subject, PLAN)
    assert not evaluation.complete
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


def test_refused_and_queued_requests_are_not_called_asked_again(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    one = PLAN.model_copy(update={"seeds": (1,)})
    emulator.inject(Fault("refuse", RENDER, "POST", status=400))
    assert render(artifacts, provider, subject, one).findings
    emulator.inject(Fault("refuse", RENDER, "POST", status=429))
    assert render(artifacts, provider, subject, one).asked_again == 0


def noting(emulator: EmulatorControl) -> tuple[list[tuple[int, int]], Callable[[int], bool]]:
    """A reserve, and what it is told: images, and how many were rendered until then."""
    told: list[tuple[int, int]] = []

    def reserve(images: int) -> bool:
        told.append((images, inferences(emulator)))
        return True

    return told, reserve


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
    assert (evaluation.complete, evaluation.asked_again, told) == (True, 0, [(2, 0)])


def test_lost_answer_is_reserved_once_more_before_it_is_asked_for_again(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    told, reserve = noting(emulator)
    emulator.inject(Fault("cut_after_effect", RENDER, "POST"))
    render(artifacts, provider, subject, PLAN, reserve=reserve)
    assert told == [(2, 0), (1, 1)]
    assert inferences(emulator) == 3


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
    assert first.complete
    assert first.images == second.images
    assert inferences(emulator) <= 12 + 1
    assert max(first.asked_again, second.asked_again) == inferences(emulator) - 12


def test_prompts_that_are_the_same_without_the_trigger_word_are_paid_once(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, emulator: EmulatorControl
) -> None:
    plan = PLAN.model_copy(update={"prompts": ("{trigger} at sea", "at sea"), "seeds": (1,)})
    wordless = replace(subject, trigger_word=None)
    assert render(artifacts, provider, wordless, plan).complete
    assert inferences(emulator) == 1
