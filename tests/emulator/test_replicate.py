"""Trainings, files and images at the emulated Replicate: its own Python client and the emulator agree."""

import io
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image
from pydantic.v1 import ValidationError
from replicate.exceptions import ReplicateError
from replicate.webhook import InvalidSignatureError, Webhooks, WebhookSigningSecret

from tests.emulator.public_files import serving
from tests.emulator.replicate_caller import FLUX, OWNER, QWEN, ReplicateCaller
from tests.emulator.segmind_caller import dataset
from tests.emulator.webhook_receiver import Receiver, quiet, settled
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator("replicate", tmp_path, progress=Progress.after_seconds(60)) as control:
        control.switch(image_s=0)
        yield control


@pytest.fixture
def caller(emulator: EmulatorControl) -> ReplicateCaller:
    found = ReplicateCaller(emulator)
    found.destination()
    return found


def test_file_is_there_for_a_day(emulator: EmulatorControl, caller: ReplicateCaller) -> None:
    files = caller.client.files
    file = files.create(io.BytesIO(b"some bytes"), filename="a.zip", metadata={"reference": 7})
    assert (file.name, file.size, file.metadata, file.content_type) == (
        "a.zip",
        10,
        {"reference": 7},
        "application/zip",
    )
    assert [found.id for found in files.list()] == [file.id] == [files.get(file.id).id]
    assert files.delete(files.create(io.BytesIO(b"others"), filename="b.zip").id)
    assert [found.id for found in files.list()] == [file.id]
    emulator.advance(24 * 3600)
    with pytest.raises(ReplicateError, match="File not found"):
        files.get(file.id)


@pytest.mark.parametrize(("trainer", "member"), [(FLUX, "output/flux_train_replicate/"), (QWEN, "")])
def test_training_makes_a_version_and_hands_out_its_weights_in_the_trainers_archive(
    emulator: EmulatorControl, caller: ReplicateCaller, trainer: str, member: str
) -> None:
    training = caller.train(trainer, input={"steps": 300})
    assert (training.status, training.output, training.completed_at) == ("starting", None, None)
    assert training.urls == {
        "get": f"{caller.origin}/v1/predictions/{training.id}",
        "cancel": f"{caller.origin}/v1/predictions/{training.id}/cancel",
    }
    emulator.advance(60)
    training.reload()
    seen = [training.status]
    emulator.advance(60)
    training.reload()
    assert [*seen, training.status] == ["processing", "succeeded"]
    assert training.output
    model, _, version = training.output["version"].partition(":")
    assert model == f"{OWNER}/robots"
    assert [found.id for found in caller.client.models.get(model).versions.list()] == [version]
    weights = requests.get(training.output["weights"], timeout=60).content
    assert f"{member}lora.safetensors" in names_in(weights)
    (billed,) = emulator.billing()
    assert (billed.kind, billed.summary["steps"]) == ("training", 300)


def names_in(archive: bytes) -> list[str]:
    if zipfile.is_zipfile(io.BytesIO(archive)):
        return zipfile.ZipFile(io.BytesIO(archive)).namelist()
    return tarfile.open(fileobj=io.BytesIO(archive)).getnames()


def test_list_has_pages_of_a_hundred_that_name_each_other(
    emulator: EmulatorControl, caller: ReplicateCaller
) -> None:
    older, newer = caller.train(), caller.train()
    emulator.switch(list_copies=60)
    first = caller.client.trainings.list()
    assert [row.id for row in first] == [newer.id] * 60 + [older.id] * 40
    second = caller.client.trainings.list(first.next)
    assert [row.id for row in second] == [older.id] * 20
    assert (first.previous, second.next) == (None, None)
    assert str(first.next).startswith(f"{caller.origin}/v1/trainings?cursor=")


def test_training_is_canceled_while_it_is_processed_and_stays_as_it_is_once_it_has_ended(
    emulator: EmulatorControl, caller: ReplicateCaller
) -> None:
    training = caller.train()
    emulator.advance(60)
    training.cancel()
    assert (training.status, training.error) == ("canceled", None)
    finished = caller.train()
    emulator.advance(120)
    finished.cancel()
    assert finished.status == "succeeded"


def test_official_client_cannot_read_a_training_that_was_aborted(
    emulator: EmulatorControl, caller: ReplicateCaller
) -> None:
    training = caller.train()
    emulator.fail_job(training.id, "aborted")
    shown = caller.call("GET", f"/v1/trainings/{training.id}").json()
    assert (shown["status"], shown["error"], "started_at" in shown) == ("aborted", None, False)
    with pytest.raises(ValidationError):
        training.reload()


def test_submit_is_refused_for_what_does_not_exist_and_nothing_is_billed(
    emulator: EmulatorControl, caller: ReplicateCaller
) -> None:
    with pytest.raises(ReplicateError, match="The specified training destination does not exist") as caught:
        caller.train(destination=f"{OWNER}/nowhere")
    assert caught.value.status == 404
    with pytest.raises(ReplicateError, match="Invalid version or not permitted"):
        caller.client.trainings.create(
            version=FLUX[:-1] + "0",
            destination=f"{OWNER}/robots",
            input={"input_images": "https://example.com/a.zip"},
        )
    with pytest.raises(ReplicateError, match=r"- input.steps: .*6000"):
        caller.train(input={"steps": 6001})
    emulator.inject(Fault("refuse", "/v1/models", "POST", status=402))
    with pytest.raises(ReplicateError, match="Insufficient credit"):
        caller.train()
    with pytest.raises(ReplicateError, match="already exists"):
        caller.destination()
    assert emulator.billing() == []


def test_images_that_cannot_be_used_fail_the_training(emulator: EmulatorControl, caller: ReplicateCaller) -> None:
    files = caller.client.files
    expired, broken = (files.create(io.BytesIO(b"no zip"), filename="a.zip") for _ in range(2))
    files.delete(expired.id)
    trainings = [caller.train(input={"input_images": file.urls["get"]}) for file in (expired, broken)]
    emulator.advance(120)
    shown = [caller.client.trainings.get(training.id) for training in trainings]
    assert [training.status for training in shown] == ["failed", "failed"]
    assert "404 Client Error" in str(shown[0].error)
    assert "must be a zip file" in str(shown[1].error)


def test_token_is_asked_for_everywhere_and_a_throttled_request_says_when_to_come_back(
    emulator: EmulatorControl, caller: ReplicateCaller
) -> None:
    stranger = requests.get(f"{caller.origin}/v1/trainings", headers={"Authorization": "Bearer r8_no"}, timeout=60)
    assert stranger.json() == {
        "title": "Unauthenticated", "detail": "You did not pass a valid authentication token", "status": 401,
    }  # fmt: skip
    assert stranger.headers["content-type"] == "application/problem+json"
    emulator.inject(Fault("refuse", "/v1/trainings", status=429))
    throttled = caller.call("GET", "/v1/trainings")
    assert (throttled.status_code, throttled.headers["ratelimit-reset"]) == (429, "60")


@pytest.mark.parametrize(("trainer", "outputs"), [(FLUX, 2), (QWEN, 1)])
def test_version_draws_images_that_are_gone_after_an_hour(
    emulator: EmulatorControl, caller: ReplicateCaller, trainer: str, outputs: int
) -> None:
    training = caller.train(trainer)
    emulator.advance(120)
    training.reload()
    assert training.output
    version = training.output["version"].rpartition(":")[2]
    asked = {"prompt": "TOK on the beach", "seed": 3} | ({"num_outputs": 2} if trainer == FLUX else {})
    prediction = caller.client.predictions.create(version=version, input=asked)
    prediction.wait()
    assert prediction.status == "succeeded"
    drawn = prediction.output if isinstance(prediction.output, list) else [prediction.output]
    contents = {requests.get(str(url), timeout=60).content for url in drawn}
    assert len(contents) == outputs
    assert {Image.open(io.BytesIO(content)).format for content in contents} == {"WEBP"}
    emulator.advance(3600)
    gone = caller.call("GET", f"/v1/predictions/{prediction.id}").json()
    assert (gone["status"], gone["output"], gone["input"], gone["data_removed"]) == ("succeeded", None, {}, True)
    assert requests.get(str(drawn[0]), timeout=60).status_code == 404


def test_webhook_is_signed_as_the_official_client_checks_it_and_names_only_the_events_wanted(
    emulator: EmulatorControl, caller: ReplicateCaller, receiver: Receiver
) -> None:
    emulator.switch(webhook_copies=2)
    training = caller.train(webhook=receiver.url, webhook_events_filter=["completed"])
    everything = caller.train(QWEN, webhook=receiver.url)
    # Longer than most receivers read.
    emulator.show_job(training.id, logs="x" * 3_000_000)
    emulator.advance(120)
    calls = receiver.wait(6)
    quiet()
    events = [(call.body["id"], call.body["status"]) for call in calls]
    assert sorted(events) == sorted(
        2 * [(training.id, "succeeded"), (everything.id, "processing"), (everything.id, "succeeded")]
    )
    assert max(len(call.content) for call in calls) > 3_000_000
    secret = caller.client.webhooks.default.secret()
    for call in calls:
        Webhooks.validate(headers=call.headers, body=call.content.decode(), secret=secret, tolerance=300)
    with pytest.raises(InvalidSignatureError):
        Webhooks.validate(headers=calls[0].headers, body="{}", secret=secret)


def test_forged_call_fails_the_official_check(
    emulator: EmulatorControl, caller: ReplicateCaller, receiver: Receiver
) -> None:
    emulator.switch(webhook_forged=True)
    caller.train(webhook=receiver.url, webhook_events_filter=["completed"])
    (forged,) = receiver.wait(1)
    secret = WebhookSigningSecret(key=caller.client.webhooks.default.secret().key)
    with pytest.raises(InvalidSignatureError):
        Webhooks.validate(headers=forged.headers, body=forged.content.decode(), secret=secret)
    assert abs(int(forged.headers["webhook-timestamp"]) - time.time()) < 60
    assert [entry.kind for entry in settled(emulator, 1)] == ["forged"]


def test_dataset_may_lie_at_an_address_that_answers_get_only(
    emulator: EmulatorControl, caller: ReplicateCaller
) -> None:
    with serving({"/no-head.zip": dataset()}) as public:
        training = caller.train(input={"input_images": f"{public}/no-head.zip"})
    emulator.advance(120)
    training.reload()
    assert training.status == "succeeded"
