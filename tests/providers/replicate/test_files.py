"""Replicate's files: datasets that are uploaded or fetched, weights within archives, images."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest
import requests

from tests.emulator.public_files import serving
from tests.emulator.replicate_caller import ReplicateCaller
from tests.emulator.segmind_caller import dataset
from tests.providers.replicate.jobs import FLUX_RECIPE, KEY, NAME, QWEN_RECIPE, Zip, submit
from tests.wire.exchanges import exchange
from tests.wire.replay import replaying
from tuneloop.clock import Deadline
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault
from tuneloop.errors import (
    ConfigurationError,
    UnexpectedResponse,
)
from tuneloop.providers.base import TrainedModel
from tuneloop.providers.image import RenderingFailed
from tuneloop.providers.replicate.client import ReplicateProvider
from tuneloop.providers.replicate.recipes import (
    ReplicateFluxRender,
    ReplicateRecipe,
)
from tuneloop.schemas.training import Submission


def test_upload_that_breaks_is_made_again(provider: ReplicateProvider, emulator: EmulatorControl) -> None:
    emulator.inject(Fault("cut_after_effect", "/v1/files", "POST"))
    address = provider.deliver(NAME, Zip(dataset())).address
    assert str(address).startswith(f"{emulator.url}/v1/files/")
    assert [entry.path for entry in emulator.requests()] == ["/v1/files"] * 2


def test_large_dataset_is_fetched_from_our_store_by_its_signed_address(
    provider: ReplicateProvider, emulator: EmulatorControl
) -> None:
    with serving({"/set.zip?signature=1": dataset()}) as origin:
        large = Zip(b"", f"{origin}/set.zip?signature=1", size_bytes=100_000_000)
        uploaded = provider.deliver(NAME, large)
        assert uploaded.address is None
        provider.prepare(NAME, FLUX_RECIPE)
        job = provider.submit(NAME, FLUX_RECIPE, uploaded, Deadline(60))
    assert provider.get_job(job).phase == "ready"
    assert {entry.path for entry in emulator.requests() if entry.method == "POST"} == {
        "/v1/models",
        f"/v1/models/{FLUX_RECIPE.trained_on}/versions/{FLUX_RECIPE.version}/trainings",
    }


def test_large_dataset_in_a_folder_is_refused_with_the_ways_out(
    provider: ReplicateProvider, archive: DatasetArchive
) -> None:
    assert archive.url() is None
    large = Zip(b"", archive.url(), size_bytes=250_000_000)
    with pytest.raises(ConfigurationError, match=r"250 MB.*100 MB.*S3.*normalize"):
        provider.deliver(NAME, large)


@pytest.mark.parametrize("style", ["by range", "without length"])
@pytest.mark.parametrize("recipe", [FLUX_RECIPE, QWEN_RECIPE], ids=["flux", "qwen"])
def test_weights_are_those_in_the_archive_also_behind_an_address_that_has_expired(
    provider: ReplicateProvider,
    emulator: EmulatorControl,
    caller: ReplicateCaller,
    recipe: ReplicateRecipe,
    style: str,
) -> None:
    job = submit(provider, recipe)
    output = caller.client.trainings.get(job.job_id).output
    assert output
    archive = io.BytesIO(requests.get(output["weights"], timeout=60).content)
    if recipe is FLUX_RECIPE:
        with tarfile.open(fileobj=archive) as tar:
            member = tar.extractfile("output/flux_train_replicate/lora.safetensors")
            weights = member.read() if member else b""
    else:
        weights = zipfile.ZipFile(archive).read("lora.safetensors")
    emulator.switch(downloads=style)
    (source,) = provider.open_weights(job)
    emulator.advance(3601)
    with source.read(0, None) as chunks:
        assert b"".join(chunks) == weights
    assert (source.etag is not None) is (recipe is FLUX_RECIPE and style == "by range")


def test_files_at_the_apis_own_address_are_asked_for_with_the_token(
    provider: ReplicateProvider, emulator: EmulatorControl
) -> None:
    emulator.switch(downloads_need_key=True, image_s=0)
    job = submit(provider)
    (source,) = provider.open_weights(job)
    with source.read(0, None) as chunks:
        assert sum(map(len, chunks)) == source.size_bytes
    assert provider.render(TrainedModel(job), "TOK", 7, ReplicateFluxRender()).data


def test_weights_on_another_host_are_not_fetched() -> None:
    documented = exchange("replicate", "a training that has succeeded")
    with replaying(documented) as replay:
        client = ReplicateProvider(KEY, base_url=replay.url)
        output = documented.response.body["output"]
        for address in ("https://replicate.delivery.example.com/a.tar", "http://replicate.delivery/a.tar"):
            output["weights"] = address
            with pytest.raises(UnexpectedResponse, match="the link to the weights points to"):
                client.open_weights(Submission(job_id="abc"))


def test_image_is_billed_once_and_fails_with_its_reason(
    provider: ReplicateProvider, emulator: EmulatorControl
) -> None:
    model = TrainedModel(submit(provider))
    emulator.switch(image_s=0)
    assert provider.render(model, "TOK", 7, ReplicateFluxRender(output_format="png")).suffix == ".png"
    emulator.switch(images_fail="NSFW content detected")
    with pytest.raises(RenderingFailed, match="NSFW content detected"):
        provider.render(model, "TOK", 7, ReplicateFluxRender())
    drawn = [entry for entry in emulator.billing() if entry.kind == "inference"]
    assert [entry.refunded for entry in drawn] == [False, True]
