"""The official SDK, unchanged but for its base addresses, against the emulator: its results agree with ours."""

from __future__ import annotations

import pytest
import requests
from segmind import SegmindClient
from segmind.finetune import Finetune

from tuneloop.clock import Deadline
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.training import Submission


@pytest.fixture
def sdk(emulator: EmulatorControl, monkeypatch: pytest.MonkeyPatch) -> SegmindClient:
    monkeypatch.setattr(Finetune, "base_url", f"{emulator.url}/finetune/request")
    return SegmindClient(api_key=emulator.api_key, base_url=emulator.url)


def test_all_six_calls_of_the_sdk_agree_with_ours(
    sdk: SegmindClient,
    provider: SegmindProvider,
    archive: DatasetArchive,
    emulator: EmulatorControl,
    recipe: FluxLoraRecipe,
) -> None:
    place = sdk.finetune.upload_presigned_url("images.zip")
    body = b"".join(archive.chunks())
    assert requests.put(place["presigned_url"], data=body, timeout=60).status_code == 200
    submitted = sdk.finetune.submit(
        name="by-the-sdk-g1",
        data_source_path=place["s3_url"],
        instance_prompt=recipe.instance_prompt,
        trigger_word=recipe.trigger_word,
        base_model="FLUX",
        train_type="LORA",
        machine_type="NVIDIA_L40S",
        theme="FLUX",
        advance_parameters={"steps": 1000},
    )
    job_id = submitted["finetune_id"]
    assert [job.job_id for job in provider.find("by-the-sdk").jobs] == [job_id]
    details = sdk.finetune.details(job_id)["finetune"]
    ours = provider.get_job(Submission(job_id=job_id))
    assert (details["status"], details["name"]) == (ours.provider_status, ours.name)
    assert {item["name"] for item in sdk.finetune.list()} == {job.name for job in provider.list_jobs().jobs}
    assert sdk.finetune.access_update(job_id, segmind_public=True) == 200
    assert sdk.finetune.details(job_id)["finetune"]["public_model"] is True
    link = sdk.finetune.file_download(details["cloud_storage_url"]).strip('"')
    with provider.open_weights(Submission(job_id=job_id))[-1].read(0, None) as chunks:
        assert requests.get(link, timeout=60).content == b"".join(chunks)
    assert sum(entry.kind == "training" for entry in emulator.billing()) == 1


def test_a_training_of_ours_is_seen_alike_by_the_sdk(
    sdk: SegmindClient, provider: SegmindProvider, archive: DatasetArchive, recipe: FluxLoraRecipe
) -> None:
    job_id = provider.submit("by-us", recipe, provider.deliver("a-name", archive), Deadline(60)).job_id
    assert sdk.finetune.details(job_id)["finetune"]["name"] == "by-us"
