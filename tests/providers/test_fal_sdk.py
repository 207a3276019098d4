"""The official Python client of fal, unchanged but for its addresses: emulator and our client agree with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import fal_client.client as fal_module
import pytest
import requests
from fal_client import Completed, InProgress, Queued, SyncClient
from fal_client.client import FalClientHTTPError

from tests.contract.conftest import recipe_named
from tests.emulator.fal_caller import DRAW, FLUX, FalCaller
from tests.emulator.segmind_caller import dataset
from tuneloop.clock import Deadline
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator
from tuneloop.providers.fal.client import FalProvider
from tuneloop.schemas.training import Submission


@pytest.fixture
def fal(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator("fal", tmp_path / "fal", progress=Progress.at_once()) as control:
        control.switch(image_s=0)
        yield control


@pytest.fixture
def ours(fal: EmulatorControl) -> FalProvider:
    return FalProvider(fal.api_key, base_url=fal.url)


@pytest.fixture
def sdk(fal: EmulatorControl, monkeypatch: pytest.MonkeyPatch) -> Iterator[SyncClient]:
    monkeypatch.setattr(fal_module, "QUEUE_URL_FORMAT", f"{fal.url}/")
    monkeypatch.setattr(fal_module, "REST_URL", fal.url)
    monkeypatch.setattr(fal_module, "CDN_URL", fal.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client = SyncClient(key=fal.api_key)
    yield client
    client._client.close()


@pytest.mark.parametrize("repository", ["fal_v3", "fal"])
def test_it_uploads_trains_and_draws(
    sdk: SyncClient, fal: EmulatorControl, repository: Literal["fal_v3", "fal"]
) -> None:
    url = sdk.upload(dataset(), "application/zip", "set.zip", repository=repository, fallback_repository=[])
    assert requests.get(url, timeout=60).content == dataset()
    handle = sdk.submit(FLUX, {"images_data_url": url, "steps": 900})
    weights = handle.get(interval=0.01)["diffusers_lora_file"]
    drawn = sdk.subscribe(DRAW, {"prompt": "HRBR figure", "loras": [{"path": weights["url"]}]})
    assert requests.get(drawn["images"][0]["url"], timeout=60).headers["content-type"] == "image/jpeg"
    assert [entry.kind for entry in fal.billing()] == ["training", "inference"]
    assert fal.billing()[0].summary["steps"] == 900


def test_it_uploads_in_parts(sdk: SyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    content = dataset()
    monkeypatch.setattr(fal_module, "MULTIPART_THRESHOLD", len(content) - 1)
    monkeypatch.setattr(fal_module, "MULTIPART_CHUNK_SIZE", len(content) // 3)
    assert requests.get(sdk.upload(content, "application/zip", "set.zip"), timeout=60).content == content


def test_it_understands_every_state_and_cancels(sdk: SyncClient, fal: EmulatorControl) -> None:
    fal.progress(Progress.after_seconds(100))
    url = FalCaller(fal).upload()
    handle = sdk.submit(FLUX, {"images_data_url": url})
    assert handle.status() == Queued(position=0)
    fal.advance(100)
    assert isinstance(sdk.status(FLUX, handle.request_id, with_logs=True), InProgress)
    handle.cancel()
    done = handle.status(with_logs=True)
    assert isinstance(done, Completed)
    assert done.error_type == "client_cancelled"
    with pytest.raises(FalClientHTTPError) as caught:
        handle.cancel()
    assert caught.value.status_code == 400


def test_it_reads_errors(sdk: SyncClient, fal: EmulatorControl) -> None:
    with pytest.raises(FalClientHTTPError, match="greater than or equal") as caught:
        sdk.submit(FLUX, {"images_data_url": "a", "steps": 0})
    assert caught.value.status_code == 422
    handle = sdk.submit(FLUX, {"images_data_url": "data:application/zip;base64,UEs="})
    with pytest.raises(FalClientHTTPError, match="archive") as caught:
        handle.get(interval=0.01)
    fal.inject(Fault("refuse", status=503, reason="runner_disconnected"))
    with pytest.raises(FalClientHTTPError) as caught:
        handle.status()
    assert (caught.value.status_code, caught.value.error_type) == (503, "runner_disconnected")


@pytest.mark.parametrize(
    "fault",
    [Fault("cut_after_effect", f"/{FLUX}"), Fault("fail_after_effect", f"/{FLUX}", status=503, body="html")],
)
def test_it_submits_again_what_has_been_accepted(sdk: SyncClient, fal: EmulatorControl, fault: Fault) -> None:
    url = FalCaller(fal).upload()
    fal.inject(fault)
    sdk.submit(FLUX, {"images_data_url": url})
    assert len(fal.billing()) == 2


def test_its_training_is_found_by_ours_with_the_same_state_and_weights(sdk: SyncClient, ours: FalProvider) -> None:
    url = sdk.upload(dataset(), "application/zip", "0123456789abcdef-g1.zip")
    handle = sdk.submit(FLUX, {"images_data_url": url})
    (found,) = ours.find("0123456789abcdef").jobs
    assert (found.job_id, found.name) == (handle.request_id, "0123456789abcdef-g1")
    job = Submission.of(found)
    assert isinstance(handle.status(), Completed)
    assert ours.get_job(job).phase == "ready"
    weights = requests.get(handle.get()["diffusers_lora_file"]["url"], timeout=60).content
    with ours.open_weights(job)[-1].read(0, None) as chunks:
        assert b"".join(chunks) == weights


def test_a_training_of_ours_is_seen_and_cancelled_alike_by_it(
    sdk: SyncClient, ours: FalProvider, fal: EmulatorControl, archive: DatasetArchive
) -> None:
    fal.progress(Progress.after_seconds(100))
    job = ours.submit("by-us-g1", recipe_named("fal-flux-lora"), ours.deliver("by-us-g1", archive), Deadline(60))
    assert isinstance(sdk.status(FLUX, job.job_id), Queued)
    assert ours.get_job(job).phase == "running"
    sdk.cancel(FLUX, job.job_id)
    ended = sdk.status(FLUX, job.job_id)
    assert isinstance(ended, Completed)
    assert ended.error is not None
    assert ours.get_job(job).phase == "failed"
    assert ended.error in (ours.get_job(job).error_message or "")
