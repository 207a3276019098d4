"""Replicate's client: what it sends, reads and refuses, against the documented exchanges and the emulator."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from standardwebhooks.webhooks import Webhook

from tests.emulator.public_files import serving
from tests.emulator.replicate_caller import FLUX, OWNER, QWEN, ReplicateCaller
from tests.emulator.segmind_caller import dataset
from tests.emulator.webhook_receiver import receiving
from tests.wire.exchanges import Exchange, exchange, exchanges
from tests.wire.replay import replaying
from tuneloop.clock import Deadline, now
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator
from tuneloop.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InsufficientCredits,
    NotFoundAtProvider,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnexpectedResponse,
)
from tuneloop.http.retries import TICK_POLICY
from tuneloop.providers import kept_answer
from tuneloop.providers.base import DeliveredDataset, TrainedModel
from tuneloop.providers.image import RenderingFailed
from tuneloop.providers.replicate.client import ReplicateProvider
from tuneloop.providers.replicate.jobs import status_of
from tuneloop.providers.replicate.recipes import (
    ReplicateFluxLoraRecipe,
    ReplicateFluxRender,
    ReplicateQwenLoraRecipe,
    ReplicateRecipe,
)
from tuneloop.schemas.training import Submission

KEY = "r8_0123456789abcdef0123456789abcdef01234"
NAME = "0123456789abcdef-g1"
FLUX_RECIPE = ReplicateFluxLoraRecipe(steps=300)
QWEN_RECIPE = ReplicateQwenLoraRecipe(instance_prompt="a photo of a robot", steps=300)


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator("replicate", tmp_path / "emulator", progress=Progress.at_once()) as control:
        yield control


@pytest.fixture
def provider(emulator: EmulatorControl) -> ReplicateProvider:
    return ReplicateProvider(emulator.api_key, base_url=emulator.url)


@pytest.fixture
def caller(emulator: EmulatorControl) -> ReplicateCaller:
    return ReplicateCaller(emulator)


@dataclass
class Zip:
    """A file of ours, which may be said to be larger than it is."""

    content: bytes
    address: str | None = None
    size_bytes: int = 0

    def __post_init__(self) -> None:
        self.size_bytes = self.size_bytes or len(self.content)

    def chunks(self) -> Iterator[bytes]:
        yield self.content

    def url(self) -> str | None:
        return self.address


def submit(provider: ReplicateProvider, recipe: ReplicateRecipe = FLUX_RECIPE, name: str = NAME) -> Submission:
    provider.prepare(name, recipe)
    return provider.submit(name, recipe, provider.deliver(name, Zip(dataset())), Deadline(60))


@pytest.mark.parametrize(
    ("recipe", "documented"),
    [(FLUX_RECIPE, "a FLUX training"), (QWEN_RECIPE, "a Qwen training with a webhook")],
    ids=["flux", "qwen"],
)
def test_submit_sends_what_is_documented_and_the_name_in_an_input_without_effect(
    recipe: ReplicateRecipe, documented: str
) -> None:
    found = exchange("replicate", documented)
    page = found.request.body
    with replaying(found) as replay:
        client = ReplicateProvider(KEY, owner=OWNER, base_url=replay.url, webhook=page.get("webhook"))
        job = client.submit(NAME, recipe, DeliveredDataset("${file_url}", 1), Deadline(60))
    (received,) = replay.received
    assert (received.method, received.path) == (found.request.method, found.request.path)
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(received.body) == {**page, "destination": f"{OWNER}/tuneloop-{recipe.trainer}"}
    assert job == Submission(job_id=found.response.body["id"])


def test_official_client_sees_what_ours_has_made(
    provider: ReplicateProvider, emulator: EmulatorControl, caller: ReplicateCaller
) -> None:
    emulator.progress(Progress.after_seconds(1e9))
    job = submit(provider)
    (theirs,) = caller.client.trainings.list()
    assert theirs.input
    assert (theirs.id, theirs.status, theirs.input["wandb_run"]) == (job.job_id, "starting", NAME)
    (file,) = caller.client.files.list()
    assert (file.name, file.urls["get"]) == (f"{NAME}.zip", theirs.input["input_images"])
    assert provider.cancel(job)
    theirs.reload()
    assert theirs.status == "canceled"
    ours = provider.get_job(job)
    assert (ours.phase, ours.known, ours.error_message) == ("failed", True, "Replicate says canceled")


def test_destination_is_made_once_privately_and_a_race_for_it_does_no_harm(
    provider: ReplicateProvider, emulator: EmulatorControl, caller: ReplicateCaller
) -> None:
    emulator.inject(Fault("fail_after_effect", "/v1/models", "POST", status=409))
    for _ in range(2):
        provider.prepare(NAME, FLUX_RECIPE)
    model = caller.client.models.get(f"{OWNER}/tuneloop-replicate-flux-lora")
    assert model.visibility == "private"
    made = [entry for entry in emulator.requests() if (entry.method, entry.path) == ("POST", "/v1/models")]
    assert len(made) == 1


def test_destination_that_cannot_be_made_is_refused_as_the_provider_says(emulator: EmulatorControl) -> None:
    stranger = ReplicateProvider(emulator.api_key, owner="somebody-else", base_url=emulator.url)
    with pytest.raises(AuthenticationFailed, match="owner in the credentials block"):
        stranger.prepare(NAME, FLUX_RECIPE)


def test_version_that_is_gone_stops_before_anything_is_uploaded(
    provider: ReplicateProvider, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("refuse", "/v1/models/ostris", "GET", status=404))
    with pytest.raises(ConfigurationError, match=r"no version 26dce37a of ostris.*newer Tuneloop"):
        provider.prepare(NAME, FLUX_RECIPE)


def test_submit_to_a_destination_that_was_deleted_is_refused_and_says_what_to_do(
    provider: ReplicateProvider, emulator: EmulatorControl
) -> None:
    uploaded = provider.deliver(NAME, Zip(dataset()))
    with pytest.raises(RequestRejected, match="run again, and it is made"):
        provider.submit(NAME, FLUX_RECIPE, uploaded, Deadline(60))
    assert emulator.billing() == []


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


def test_list_is_read_page_after_page(provider: ReplicateProvider, emulator: EmulatorControl) -> None:
    jobs = [submit(provider, name=f"{number:016x}-g1") for number in range(2)]
    emulator.switch(list_copies=60)
    before = provider.requests_made
    found = provider.list_jobs()
    assert provider.requests_made - before == 2
    assert {job.job_id: job.name for job in found.jobs} == {
        jobs[0].job_id: "0000000000000000-g1",
        jobs[1].job_id: "0000000000000001-g1",
    }
    assert found.list_is_complete
    assert [job.job_id for job in provider.find("0000000000000001").jobs] == [jobs[1].job_id]


@pytest.mark.parametrize("word", ["aborted", "canceled", "Something went wrong"])
def test_every_bad_end_is_one_with_its_reason(
    provider: ReplicateProvider, emulator: EmulatorControl, word: str
) -> None:
    emulator.progress(Progress.after_seconds(1e9))
    job = submit(provider)
    emulator.fail_job(job.job_id, word)
    status = provider.get_job(job)
    expected = word if word.startswith("Something") else f"Replicate says {word}"
    assert (status.phase, status.known, status.error_message) == ("failed", True, expected)
    assert status.changed_at is not None
    assert abs(status.changed_at - now()) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("word", "ran_s", "billed"),
    [
        ("canceled", 0, True),
        ("failed", 3.5, True),
        ("failed", 0, False),
        ("failed", None, False),
        ("aborted", 0, False),
    ],
)
def test_bad_end_is_billed_where_the_training_may_have_run(word: str, ran_s: float | None, billed: bool) -> None:
    row = {"id": "a-job", "status": word, "metrics": {"predict_time": ran_s} if ran_s is not None else {}}
    assert status_of(row, ()).billed is billed


def test_training_that_is_answered_404_for_a_while_is_itself_afterwards(
    provider: ReplicateProvider, emulator: EmulatorControl
) -> None:
    job = submit(provider)
    emulator.inject(Fault("refuse", "/v1/trainings", "GET", status=404))
    with pytest.raises(NotFoundAtProvider):
        provider.get_job(job)
    assert provider.get_job(job).phase == "ready"


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


PROBLEMS = {
    "a destination that does not exist": RequestRejected,
    "a version that is gone": RequestRejected,
    "steps out of range": RequestRejected,
    "a wrong token": AuthenticationFailed,
    "no credit": InsufficientCredits,
    "too many requests": RateLimited,
    "an unknown training": NotFoundAtProvider,
}


@pytest.mark.parametrize(
    "documented",
    [found for found in exchanges("replicate") if found.name in PROBLEMS],
    ids=lambda documented: documented.name,
)
def test_documented_problem_is_the_error_that_it_means(documented: Exchange) -> None:
    with replaying(documented) as replay:
        client = ReplicateProvider(KEY, owner=OWNER, base_url=replay.url)
        with pytest.raises(PROBLEMS[documented.name]) as caught:
            client.submit(NAME, FLUX_RECIPE, DeliveredDataset("https://example.com/a.zip", 1), Deadline(60))
    assert type(caught.value) is PROBLEMS[documented.name]
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after_s == 60


def test_webhook_of_three_megabytes_is_verified_by_the_accounts_secret_and_forgeries_are_not(
    provider: ReplicateProvider, emulator: EmulatorControl
) -> None:
    with receiving() as receiver:
        announcing = ReplicateProvider(emulator.api_key, base_url=emulator.url, webhook=receiver.url)
        emulator.progress(Progress.after_seconds(60))
        emulator.switch(webhook_forged=True)
        job = submit(announcing)
        (forged,) = receiver.wait(1)
        emulator.show_job(job.job_id, logs="x" * 3_000_000)
        emulator.advance(120)
        call = receiver.wait(2)[1]
    assert call.body["status"] == "succeeded"
    secret = "whsec_" + "ab" * 16
    assert provider.verify_webhook(call.headers, call.content, None)
    assert not provider.verify_webhook(call.headers, call.content, secret)
    assert not provider.verify_webhook(call.headers, call.content.replace(b"succeeded", b"failed"), None)
    assert not provider.verify_webhook(forged.headers, forged.content, None)
    late = {**call.headers, "webhook-timestamp": str(int(call.headers["webhook-timestamp"]) - 301)}
    assert not provider.verify_webhook(late, call.content, None)
    assert not provider.verify_webhook({}, call.content, None)
    asked = [entry for entry in emulator.requests() if entry.path == "/v1/webhooks/default/secret"]
    assert len(asked) == 1


def test_secret_that_was_replaced_is_asked_for_again_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (f"whsec_{base64.b64encode(bytes([number]) * 24).decode()}" for number in (1, 2))
    at = now()
    signature = Webhook(new).sign("m1", at, "{}")
    headers = {"webhook-id": "m1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
    files = {"/v1/webhooks/default/secret": json.dumps({"key": old}).encode()}
    with serving(files) as origin:
        provider = ReplicateProvider(KEY, base_url=origin)
        assert not provider.verify_webhook(headers, b"{}", None)
        files["/v1/webhooks/default/secret"] = json.dumps({"key": new}).encode()
        assert not provider.verify_webhook(headers, b"{}", None)
        assert provider.requests_made == 1
        monkeypatch.setattr(kept_answer, "ASKED_AGAIN_S", 0)
        assert provider.verify_webhook(headers, b"{}", None)


def test_call_cannot_be_verified_while_the_secret_cannot_be_had(emulator: EmulatorControl) -> None:
    provider = ReplicateProvider(emulator.api_key, base_url=emulator.url, policy=TICK_POLICY)
    emulator.inject(Fault("refuse", "/v1/webhooks", "GET", status=503))
    with pytest.raises(ProviderUnavailable):
        provider.verify_webhook({}, b"{}", None)


def test_price_is_an_estimate_by_the_steps() -> None:
    short, long = FLUX_RECIPE.price(), FLUX_RECIPE.model_copy(update={"steps": 3_000}).price()
    assert short.cents < long.cents
    assert "an estimate" in short.source
    assert "as of 2026-11-20" in short.source


def test_trainers_are_those_that_the_official_client_was_tried_with() -> None:
    assert [f"{recipe.trained_on}:{recipe.version}" for recipe in (FLUX_RECIPE, QWEN_RECIPE)] == [FLUX, QWEN]
