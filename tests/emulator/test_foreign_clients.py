"""What programs of others send to both providers, and what they read: accepted as they were found to work."""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from segmind import SegmindClient
from segmind.finetune import Finetune
from segmind.webhooks import Webhooks

from tests.emulator.bfl_caller import BflCaller, folder_zip
from tests.emulator.segmind_caller import IMAGE, SUBMIT, Caller, dataset, pairs
from tests.emulator.webhook_receiver import Receiver, quiet
from tuneloop.emulator import EmulatorControl

JPEG = b"\xff\xd8\xff"


@pytest.fixture
def customer(bfl: EmulatorControl) -> BflCaller:
    return BflCaller(bfl)


@contextmanager
def sdk(emulator: EmulatorControl, monkeypatch: pytest.MonkeyPatch) -> Iterator[SegmindClient]:
    monkeypatch.setattr(Finetune, "base_url", f"{emulator.url}/finetune/request")
    monkeypatch.setattr(Webhooks, "base_url", f"{emulator.url}/webhook")
    yield SegmindClient(api_key=emulator.api_key, base_url=f"{emulator.url}/v1")


def with_entries(archive: bytes, *names: str) -> bytes:
    file = io.BytesIO(archive)
    with zipfile.ZipFile(file, "a") as opened:
        for name in names:
            opened.writestr(zipfile.ZipInfo(name), b"")
    return file.getvalue()


# Images at Segmind


@pytest.mark.parametrize(
    ("headers", "as_bytes"),
    [
        ({}, False),
        ({"Accept": "application/json"}, False),
        ({"Accept": "application/json, image/*"}, False),
        ({"Accept": "image/*"}, True),
        ({"Accept": "Image/JPEG;q=0.9, */*"}, True),
        ({"X-Initiator": "SDK-PY"}, True),
    ],
)
def test_image_comes_as_json_unless_bytes_are_asked_for(
    caller: Caller, headers: dict[str, str], as_bytes: bool
) -> None:
    body = {**IMAGE, "finetune_id": caller.train()}
    response = caller.call("POST", "/v1/flux-dev-finetuned", json=body, headers=headers)
    assert response.status_code == 200
    if as_bytes:
        assert response.content.startswith(JPEG)
    else:
        assert set(response.json()) == {"image", "seed"}


@pytest.mark.parametrize(("word", "as_bytes"), [("json", False), ("bytes", True)])
def test_switch_gives_images_in_one_form_to_all(
    emulator: EmulatorControl, caller: Caller, word: str, as_bytes: bool
) -> None:
    model = caller.train()
    emulator.switch(image_response=word)
    for headers in ({}, {"Accept": "image/*"}):
        body = {**IMAGE, "finetune_id": model}
        response = caller.call("POST", "/v1/flux-dev-finetuned", json=body, headers=headers)
        assert response.content.startswith(JPEG) is as_bytes


def test_queued_images_may_lie_at_another_host(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.switch(image_host="https://images.example.com", image_s=0)
    found = caller.call("GET", f"/v2/requests/{caller.queued(caller.train())['request_id']}").json()
    assert found["output"] == [found["images"][0]["url"]]
    assert found["output"][0].startswith("https://images.example.com/outputs/")


# Trainings at Segmind


def test_theme_of_flux_may_be_left_out(caller: Caller) -> None:
    body = caller.order(caller.upload())
    del body["theme"]
    assert caller.call("POST", SUBMIT, json=body).status_code == 200
    assert caller.listed()[0]["theme"] == "FLUX"


def test_theme_of_qwen_may_not_be_left_out(caller: Caller) -> None:
    body = caller.order(caller.upload(), theme="QWEN")
    del body["theme"]
    assert caller.call("POST", SUBMIT, json=body).json() == {"error": "theme is required"}


@pytest.mark.parametrize("word", ["", None, "HAT"])
def test_kontext_takes_any_trigger_word_or_none(caller: Caller, word: str | None) -> None:
    body = {**caller.order(caller.upload(pairs()), theme="KONTEXT"), "trigger_word": word}
    assert caller.call("POST", SUBMIT, json=body).status_code == 200


def test_flux_needs_a_trigger_word(caller: Caller) -> None:
    body = {**caller.order(caller.upload()), "trigger_word": ""}
    assert caller.call("POST", SUBMIT, json=body).status_code == 400


@pytest.mark.parametrize("length", [214, 215, 300, 900])
def test_long_names_are_taken_at_the_upload_and_at_the_download(
    emulator: EmulatorControl, caller: Caller, tmp_path: Path, length: int
) -> None:
    name = "a" * length
    place = caller.call("GET", "/finetune/request/upload/pre-signed-url", json={"name": name}).json()
    assert place["s3_url"].endswith(f"{name}.zip")
    assert requests.put(place["presigned_url"], data=dataset(), timeout=60).status_code == 200
    job_id = caller.submit(place["s3_url"], name).json()["finetune_id"]
    assert caller.details(job_id)["status"] == "AVAILABLE"
    assert requests.get(caller.weights_link(job_id), timeout=60).status_code == 200
    assert not list(tmp_path.rglob("incoming-*"))
    assert emulator.billing()[0].name == name


@pytest.mark.parametrize("content_type", ["Application/JSON", "APPLICATION/JSON; charset=UTF-8"])
def test_content_types_ignore_case(caller: Caller, content_type: str) -> None:
    body = json.dumps(caller.order(caller.upload()))
    response = caller.call("POST", SUBMIT, data=body, headers={"Content-Type": content_type})
    assert response.status_code == 200
    form = {"Content-Type": "Application/X-WWW-Form-Urlencoded"}
    access = f"request_id={response.json()['finetune_id']}&segmind_public=True"
    assert caller.call("PUT", "/finetune/request/access-update", data=access, headers=form).status_code == 200


@pytest.mark.parametrize("theme", ["FLUX", "KONTEXT"])
def test_folder_that_macos_adds_does_no_harm_beside_images(caller: Caller, theme: str) -> None:
    archive = with_entries(pairs() if theme == "KONTEXT" else dataset(), "__MACOSX/", "__MACOSX/._00.png")
    assert caller.details(caller.train(archive, theme=theme))["status"] == "AVAILABLE"


@pytest.mark.parametrize(
    "archive", [dataset(folder="set/"), with_entries(dataset(), "set/"), dataset(folder="__MACOSX/")]
)
def test_other_folders_are_an_empty_dataset(caller: Caller, archive: bytes) -> None:
    details = caller.details(caller.train(archive))
    assert (details["status"], "empty dataset" in details["error_message"]) == ("FAILED", True)


def test_webhook_that_the_sdk_adds_is_shown_and_told(
    emulator: EmulatorControl, caller: Caller, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sdk(emulator, monkeypatch) as client:
        assert client.webhooks.get() == {"webhooks": []}
        client.webhooks.add(receiver.url, ["FINETUNE"])
        assert client.webhooks.get()["webhooks"][0]["webhook_url"] == receiver.url
        caller.train()
    receiver.wait(3)
    again = {"webhook_url": receiver.url, "event": {"types": ["FINETUNE"]}}
    assert caller.call("POST", "/webhook/add", json=again).status_code == 409
    assert caller.call("POST", "/webhook/add", json={"webhook_url": receiver.url}).status_code == 400


def test_models_that_render_are_listed(caller: Caller) -> None:
    slug = caller.details(caller.train())["slug"]
    models = caller.call("GET", "/inference-model-information/list").json()["models"]
    assert [model["slug"] for model in models] == [slug]


def test_sdk_trains_flux_without_a_theme_and_takes_an_image_as_bytes(
    emulator: EmulatorControl, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {"instance_prompt": "HRBR figure", "trigger_word": "HRBR", "base_model": "FLUX", "train_type": "LORA"}
    with sdk(emulator, monkeypatch) as client:
        accepted = client.finetune.submit(
            name="harbour", data_source_path=caller.upload(), machine_type="NVIDIA_A100_40GB", **words
        )
        body = {**IMAGE, "finetune_id": accepted["finetune_id"]}
        assert client.run_sync("flux-dev-finetuned", **body).content.startswith(JPEG)


# BFL


def test_zip_of_a_folder_is_trained_on(bfl: EmulatorControl, customer: BflCaller) -> None:
    archive = with_entries(folder_zip(), "images/", "__MACOSX/images/._00.png")
    bfl.switch(image_s=0)
    job_id = customer.submit(archive).json()["finetune_id"]
    assert customer.result(job_id)["status"] == "Ready"
    assert requests.get(customer.sample(job_id), timeout=60).content.startswith(JPEG)


CONTROLLED: dict[str, dict[str, Any]] = {
    "depth": {"control_image": "aGFyYm91cg=="},
    "canny": {"control_image": "aGFyYm91cg==", "canny_low_threshold": 10, "canny_high_threshold": None},
    "fill": {"image": "aGFyYm91cg==", "mask": None},
}


@pytest.mark.parametrize("kind", list(CONTROLLED))
def test_images_are_drawn_after_another_image(bfl: EmulatorControl, customer: BflCaller, kind: str) -> None:
    bfl.switch(image_s=0)
    sample = customer.sample(customer.train(), f"/v1/flux-pro-1.0-{kind}-finetuned", **CONTROLLED[kind])
    assert requests.get(sample, timeout=60).content.startswith(JPEG)
    assert bfl.billing()[-1].kind == "inference"


@pytest.mark.parametrize("kind", list(CONTROLLED))
def test_bounds_of_those_images_are_those_of_their_document(customer: BflCaller, kind: str) -> None:
    model, path = customer.train(), f"/v1/flux-pro-1.0-{kind}-finetuned"
    for wrong in ({"steps": 14}, {"steps": 51}, {"guidance": 101}, {"finetune_strength": 2.1}):
        assert customer.draw(model, path, **CONTROLLED[kind], **wrong).status_code == 422


@pytest.mark.parametrize(("failure", "status"), [("", "Ready"), ("Content Moderated", "Content Moderated")])
def test_end_of_an_image_is_sent_to_the_webhook_of_its_request(
    bfl: EmulatorControl, customer: BflCaller, receiver: Receiver, failure: str, status: str
) -> None:
    model = customer.train()
    bfl.switch(image_s=100, images_fail=failure)
    accepted = customer.draw(model, webhook_url=receiver.url, webhook_secret="hush").json()
    assert set(accepted) == {"id", "status", "webhook_url"}
    quiet()
    assert receiver.events == []
    bfl.advance(100)
    (told,) = receiver.wait(1)
    assert (told.body["id"], told.body["status"]) == (accepted["id"], status)
    assert told.headers["X-Webhook-Secret"] == "hush"
    if status == "Ready":
        assert told.body["result"] == customer.result(accepted["id"])["result"]
        assert requests.get(told.body["result"]["sample"], timeout=60).content.startswith(JPEG)
    else:
        assert told.body["result"] is None


def test_samples_may_lie_at_another_host(bfl: EmulatorControl, customer: BflCaller) -> None:
    bfl.switch(image_host="https://delivery.example.com", image_s=0)
    assert customer.sample(customer.train()).startswith("https://delivery.example.com/results/")


def test_credits_go_down_by_what_is_billed(customer: BflCaller) -> None:
    before = customer.call("GET", "/v1/credits").json()["credits"]
    customer.image(customer.train())
    assert customer.call("GET", "/v1/credits").json()["credits"] == pytest.approx(before - 400 - 7)


@pytest.mark.parametrize("path", ["/v1/finetune", "/v1/delete_finetune", "/v1/flux-pro-finetuned"])
@pytest.mark.parametrize(
    ("body", "content_type", "kind"),
    [
        (b"", "application/json", "missing"),
        (b"null", "application/json", "missing"),
        (b"[]", "application/json", "model_attributes_type"),
        (b'"x"', "application/json", "model_attributes_type"),
        (b"7", "application/json", "model_attributes_type"),
        (b'{"finetune_id": "x"}', "text/plain", "model_attributes_type"),
        (b"{", "application/json", "json_invalid"),
    ],
)
def test_bodies_are_rejected_in_the_words_of_fastapi(
    bfl: EmulatorControl, customer: BflCaller, path: str, body: bytes, content_type: str, kind: str
) -> None:
    response = customer.call("POST", path, data=body, headers={"Content-Type": content_type})
    (error,) = response.json()["detail"]
    assert (response.status_code, error["type"], error["loc"][0]) == (422, kind, "body")
    if kind == "json_invalid":
        nobody = requests.post(bfl.url + path, data=body, headers={"Content-Type": content_type}, timeout=60)
        assert nobody.status_code == 422


@pytest.mark.parametrize("content_type", ["Application/JSON", "application/vnd.api+json", None])
def test_json_of_any_name_is_read(customer: BflCaller, content_type: str | None) -> None:
    body = json.dumps({"finetune_id": customer.train()}).encode()
    headers = {} if content_type is None else {"Content-Type": content_type}
    assert customer.call("POST", "/v1/delete_finetune", data=body, headers=headers).status_code == 200


def test_head_is_rejected_and_a_slash_too_many_is_sent_on(customer: BflCaller) -> None:
    assert customer.call("HEAD", "/v1/get_result?id=x").status_code == 405
    response = customer.call("GET", "/v1/my_finetunes/", allow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (307, f"{customer.origin}/v1/my_finetunes")
