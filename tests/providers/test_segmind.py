from __future__ import annotations

import pytest
import requests

from tuneloop.clock import Deadline
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.errors import (
    AuthenticationFailed,
    NotFoundAtProvider,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from tuneloop.http.transport import RequestNotSent
from tuneloop.providers.base import TrainedModel
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxDevRender, FluxLoraAdvanced, FluxLoraRecipe
from tuneloop.schemas.training import Submission

SUBMIT = "/finetune/request/submit"


def trainings(emulator: EmulatorControl) -> int:
    return sum(entry.kind == "training" for entry in emulator.billing())


@pytest.fixture
def job(provider: SegmindProvider, archive: DatasetArchive, recipe: FluxLoraRecipe) -> str:
    return provider.submit("robot-g1", recipe, provider.deliver("a-name", archive), Deadline(60)).job_id


def test_job_is_found_by_its_name_and_goes_through_to_available(
    provider: SegmindProvider, emulator: EmulatorControl, archive: DatasetArchive, recipe: FluxLoraRecipe
) -> None:
    emulator.progress(Progress.after_polls(1))
    job = provider.submit("robot-g1", recipe, provider.deliver("a-name", archive), Deadline(60)).job_id
    assert [found.job_id for found in provider.find("robot").jobs] == [job]
    seen = []
    for _ in range(20):
        status = provider.get_job(Submission(job_id=job))
        seen.append((status.provider_status, status.phase))
        if status.phase == "ready":
            break
    assert seen[-1] == ("AVAILABLE", "ready")
    assert ("TRAINING_COMPLETED", "trained") in seen
    assert ("INFERENCE_QUEUED", "trained") in seen
    assert trainings(emulator) == 1


def test_every_advance_parameter_of_the_page_is_taken(
    provider: SegmindProvider, emulator: EmulatorControl, archive: DatasetArchive, recipe: FluxLoraRecipe
) -> None:
    page = FluxLoraAdvanced(
        auto_caption=True,
        batch_size=2,
        bucket_steps=64,
        center_crop=False,
        content_or_style="balanced",
        gradient_accumulation_steps=2,
        learning_rate=0.0004,
        linear=16,
        linear_alpha=16,
        lora_rank=128,
        lr_scheduler="constant",
        max_grad_norm=0,
        noise_offset=0,
        num_train_epochs=1000,
        optimizer_type="Adafactor",
        prompt="driving a truck",
        relative_step=False,
        repeats=100,
        resolution=1024,
        steps=1000,
        weight_decay=0.01,
    )
    assert all(value is not None for value in page.model_dump().values())
    assert len(page.model_dump()) == 21
    full = recipe.model_copy(update={"advance_parameters": page})
    provider.submit("robot-g1", full, provider.deliver("a-name", archive), Deadline(60))
    assert trainings(emulator) == 1


def test_post_is_not_resent_after_the_connection_is_cut(
    provider: SegmindProvider, emulator: EmulatorControl, archive: DatasetArchive, recipe: FluxLoraRecipe
) -> None:
    uploaded = provider.deliver("a-name", archive)
    emulator.inject(Fault("cut_after_effect", SUBMIT, "POST"))
    with pytest.raises(ProviderUnavailable) as caught:
        provider.submit("robot-g1", recipe, uploaded, Deadline(60))
    assert not isinstance(caught.value, RequestNotSent)
    assert trainings(emulator) == 1


def test_post_is_not_resent_after_500(
    provider: SegmindProvider, emulator: EmulatorControl, archive: DatasetArchive, recipe: FluxLoraRecipe
) -> None:
    uploaded = provider.deliver("a-name", archive)
    emulator.inject(Fault("fail_after_effect", SUBMIT, "POST", status=500))
    with pytest.raises(ProviderUnavailable):
        provider.submit("robot-g1", recipe, uploaded, Deadline(60))
    assert trainings(emulator) == 1


def test_past_its_deadline_a_submit_has_no_effect(
    provider: SegmindProvider, emulator: EmulatorControl, archive: DatasetArchive, recipe: FluxLoraRecipe
) -> None:
    uploaded = provider.deliver("a-name", archive)
    with pytest.raises(RequestNotSent, match="deadline"):
        provider.submit("robot-g1", recipe, uploaded, Deadline(0))
    assert trainings(emulator) == 0
    assert provider.find("robot").jobs == ()


def test_a_refused_connection_is_known_to_have_sent_nothing(
    archive: DatasetArchive, recipe: FluxLoraRecipe, provider: SegmindProvider
) -> None:
    uploaded = provider.deliver("a-name", archive)
    nobody = SegmindProvider("SG_0123456789abcdef", base_url="http://127.0.0.1:9")
    with pytest.raises(RequestNotSent):
        nobody.submit("robot-g1", recipe, uploaded, Deadline(60))


def test_get_is_asked_again_after_500(provider: SegmindProvider, emulator: EmulatorControl, job: str) -> None:
    emulator.inject(Fault("refuse", "/finetune/request/details", "GET", times=2, status=500))
    assert provider.get_job(Submission(job_id=job)).name == "robot-g1"


def test_wrong_key_is_refused_before_anything_is_uploaded(
    emulator: EmulatorControl, archive: DatasetArchive
) -> None:
    stranger = SegmindProvider("SG_ffffffffffffffff", base_url=emulator.url)
    with pytest.raises(AuthenticationFailed, match="credentials block") as caught:
        stranger.deliver("a-name", archive)
    assert "SG_ffffffffffffffff" not in str(caught.value)
    assert [entry.method for entry in emulator.requests()] == ["GET"]


def test_rate_limit_says_when_to_come_back(
    provider: SegmindProvider, emulator: EmulatorControl, archive: DatasetArchive, recipe: FluxLoraRecipe
) -> None:
    uploaded = provider.deliver("a-name", archive)
    emulator.inject(Fault("refuse", SUBMIT, "POST", status=429))
    with pytest.raises(RateLimited) as caught:
        provider.submit("robot-g1", recipe, uploaded, Deadline(60))
    assert caught.value.retry_after_s is not None
    assert trainings(emulator) == 0


def test_upload_that_is_cut_starts_again_with_a_new_address_and_the_same_bytes(
    provider: SegmindProvider, emulator: EmulatorControl, archive: DatasetArchive
) -> None:
    emulator.inject(Fault("cut_before_effect", "/", "PUT"))
    uploaded = provider.deliver("a-name", archive)
    asked = [entry for entry in emulator.requests() if entry.path.endswith("pre-signed-url")]
    assert len(asked) == 2
    assert uploaded.address is not None
    assert requests.get(uploaded.address, timeout=60).content == b"".join(archive.chunks())


def test_weights_arrive_whole(provider: SegmindProvider, job: str) -> None:
    provider.get_job(Submission(job_id=job))
    source = provider.open_weights(Submission(job_id=job))[-1]
    with source.read(0, None) as chunks:
        data = b"".join(chunks)
    assert len(data) == source.size_bytes


def test_cut_download_is_unavailable_not_the_end_of_the_file(
    provider: SegmindProvider, emulator: EmulatorControl, job: str
) -> None:
    provider.get_job(Submission(job_id=job))
    source = provider.open_weights(Submission(job_id=job))[-1]
    emulator.inject(Fault("truncate", "/s3/", "GET", after_bytes=1000))
    with pytest.raises(ProviderUnavailable), source.read(0, None) as chunks:
        list(chunks)


def test_image_is_rendered_and_billed_once(provider: SegmindProvider, emulator: EmulatorControl, job: str) -> None:
    provider.get_job(Submission(job_id=job))
    image = provider.render(TrainedModel(Submission(job_id=job)), "ROBOX in the rain", 7, FluxDevRender())
    assert image.suffix == ".jpg"
    assert sum(entry.kind == "inference" for entry in emulator.billing()) == 1


def test_unknown_job_is_not_at_the_provider(provider: SegmindProvider) -> None:
    with pytest.raises(NotFoundAtProvider):
        provider.get_job(Submission(job_id="00000000-0000-0000-0000-000000000000"))


def test_another_service_at_the_base_url_is_named_as_such(
    archive: DatasetArchive, emulator: EmulatorControl
) -> None:
    lost = SegmindProvider(emulator.api_key, base_url=f"{emulator.url}/elsewhere")
    with pytest.raises(RequestRejected, match="base URL"):
        lost.deliver("a-name", archive)
