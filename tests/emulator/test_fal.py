"""Trainings at the emulated fal: the queue, the storage, what is accepted and what fails."""

import base64
from typing import Any

import pytest
import requests

from tests.emulator.fal_caller import DRAW, FLUX, FLUX_2, KONTEXT, FalCaller, with_entries
from tests.emulator.public_files import serving
from tests.emulator.segmind_caller import dataset, pairs, portrait
from tuneloop.emulator import EmulatorControl, Fault, Progress


@pytest.fixture
def caller(fal: EmulatorControl) -> FalCaller:
    return FalCaller(fal)


def test_a_training_goes_through_the_queue(fal: EmulatorControl, caller: FalCaller) -> None:
    fal.progress(Progress.after_seconds(10))
    accepted = caller.train()
    base = f"{fal.url}/fal-ai/flux-lora-fast-training/requests/{accepted['request_id']}"
    urls = {"status_url": f"{base}/status", "response_url": base, "cancel_url": f"{base}/cancel"}
    assert accepted == {
        "status": "IN_QUEUE",
        "request_id": accepted["request_id"],
        "queue_position": 0,
        **urls,
    }
    waiting = caller.status(accepted)
    assert (waiting.status_code, waiting.json()) == (202, accepted)
    fal.advance(10)
    running = caller.status(accepted)
    assert (running.status_code, running.json()["status"], running.json()["logs"]) == (202, "IN_PROGRESS", None)
    assert caller.result(accepted).status_code == 400
    fal.advance(10)
    done = caller.status(accepted, logs=1)
    assert (done.status_code, done.json()["status"]) == (200, "COMPLETED")
    assert "error" not in done.json()
    assert done.json()["metrics"]["inference_time"] == pytest.approx(20, abs=1)
    assert {*done.json()["logs"][0]} == {"message", "timestamp", "level", "source"}
    result = caller.result(accepted)
    assert {*result.json()} == {"diffusers_lora_file", "config_file"}
    assert result.headers["x-fal-request-id"] == accepted["request_id"]


def test_addresses_of_a_request_leave_out_the_end_of_its_endpoint(caller: FalCaller) -> None:
    accepted = caller.train("fal-ai/flux-2-trainer/edit", pairs())
    request_id = accepted["request_id"]
    assert accepted["response_url"] == f"{caller.origin}/fal-ai/flux-2-trainer/requests/{request_id}"
    answers = [caller.call("GET", accepted["response_url"] + end) for end in ("", "/response")]
    assert [answer.json() for answer in answers] == [answers[0].json()] * 2
    for app in ("fal-ai/flux-2-trainer/edit", "fal-ai/flux-2"):
        other = caller.call("GET", f"{app}/requests/{request_id}/status")
        assert (other.status_code, other.json()) == (404, {"status": "NOT_FOUND"})


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "Authentication is required"),
        ({"Authorization": "Key other"}, "No user"),
        ({"Authorization": ""}, "No"),
    ],
)
def test_only_the_key_opens_anything(fal: EmulatorControl, headers: dict[str, str], words: str) -> None:
    response = requests.post(f"{fal.url}/{FLUX}", json={}, headers=headers, timeout=60)
    assert (response.status_code, words in response.json()["detail"]) == (401, True)
    listed = requests.get(f"{fal.url}/v1/models/pricing", headers=headers, timeout=60)
    assert (listed.status_code, listed.json()["error"]["type"]) == (401, "authorization_error")


@pytest.mark.parametrize(
    ("trainer", "wrong", "loc", "kind"),
    [
        (FLUX, {"steps": 0}, ["body", "steps"], "greater_than_equal"),
        (FLUX, {"images_data_url": None}, ["body", "images_data_url"], "string_type"),
        (FLUX_2, {"steps": 150}, ["body", "steps"], "multiple_of"),
        (FLUX_2, {"steps": "many"}, ["body", "steps"], "int_parsing"),
        (FLUX_2, {"output_lora_format": "kohya"}, ["body", "output_lora_format"], "literal_error"),
        (KONTEXT, {"steps": 1}, ["body", "steps"], "greater_than_equal"),
    ],
)
def test_a_wrong_field_is_named_and_costs_nothing(
    fal: EmulatorControl, caller: FalCaller, trainer: str, wrong: dict[str, Any], loc: list[str], kind: str
) -> None:
    response = caller.submit(trainer, **wrong)
    (error,) = response.json()["detail"]
    assert (response.status_code, error["loc"], error["type"]) == (422, loc, kind)
    assert fal.billing() == []


def test_input_may_also_be_checked_when_its_turn_comes(fal: EmulatorControl, caller: FalCaller) -> None:
    fal.switch(checks_input="at run")
    accepted = caller.train(FLUX_2, steps=150)
    status, result = caller.status(accepted), caller.result(accepted)
    assert (status.status_code, status.json()["status"], result.status_code) == (200, "COMPLETED", 422)
    assert result.json()["detail"][0]["loc"] == ["body", "steps"]
    assert status.json()["error"] == result.json()["detail"][0]["msg"]


TORN = dataset(1)[:-40]


@pytest.mark.parametrize(
    ("trainer", "archive", "words"),
    [
        (FLUX, b"no zip", "archive"),
        (FLUX, TORN, "archive"),
        (FLUX, dataset(0), "No images"),
        (FLUX, dataset(2, folder="set/"), "No images"),
        (FLUX, with_entries(dataset(1), torn__jpg=b"\xff\xd8\xff"), "could not be read"),
        (KONTEXT, dataset(2), "no pair"),
        (KONTEXT, with_entries(pairs(1), alone_start__png=b""), "alone_start.png"),
    ],
)
def test_a_bad_archive_fails_the_training(
    fal: EmulatorControl, caller: FalCaller, trainer: str, archive: bytes, words: str
) -> None:
    accepted = caller.train(trainer, archive)
    status, result = caller.status(accepted), caller.result(accepted)
    assert (status.status_code, status.json()["status"], result.status_code) == (200, "COMPLETED", 422)
    assert words in status.json()["error"] == result.json()["detail"][0]["msg"]
    assert [entry.refunded for entry in fal.billing()] == [True]


def test_without_captions_there_must_be_a_default_one(caller: FalCaller) -> None:
    def fails(archive: bytes, caption: str | None, trainer: str = FLUX_2) -> bool:
        accepted = caller.train(trainer, archive, default_caption=caption)
        return "error" in caller.status(accepted).json()

    half, whole = with_entries(dataset(2), **{"00__txt": b"a"}), with_entries(dataset(1), **{"00__txt": b"a"})
    assert [fails(half, None), fails(half, "a figure"), fails(whole, None)] == [True, False, False]
    pair = with_entries(pairs(1), **{"00__txt": b"a hat"})
    assert [fails(pair, None, KONTEXT), fails(pairs(1), None, KONTEXT)] == [False, True]


def test_a_pair_may_have_further_images_before_the_edit(caller: FalCaller) -> None:
    archive = with_entries(pairs(1), **{"00_start2__png": portrait()})
    edit, kontext = caller.train("fal-ai/flux-2-trainer/edit", archive), caller.train(KONTEXT, archive)
    assert ["error" in caller.status(accepted).json() for accepted in (edit, kontext)] == [False, True]


def test_zips_may_lie_at_any_address(fal: EmulatorControl, caller: FalCaller) -> None:
    with serving({"/set.zip": dataset()}) as public:
        urls = [f"{public}/set.zip", "data:application/zip;base64," + base64.b64encode(dataset()).decode()]
        urls += [f"{public}/none.zip", f"{fal.url}/files/b/none/set.zip"]
        accepted = [caller.call("POST", FLUX, json={"images_data_url": url}).json() for url in urls]
    assert ["error" in caller.status(each).json() for each in accepted] == [False, False, True, True]


def test_weights_follow_from_dataset_and_input_and_are_read_by_range_without_a_key(caller: FalCaller) -> None:
    accepted = [caller.train(), caller.train(), caller.train(steps=900), caller.train(archive=dataset(5))]
    files = [caller.result(each).json()["diffusers_lora_file"] for each in accepted]
    contents = [requests.get(file["url"], timeout=60) for file in files]
    assert contents[0].content == contents[1].content
    assert len({each.content for each in contents}) == 3
    assert files[0]["file_size"] == len(contents[0].content)
    part = requests.get(files[0]["url"], headers={"Range": "bytes=100-199"}, timeout=60)
    assert (part.status_code, part.content) == (206, contents[0].content[100:200])
    assert part.headers["ETag"] == contents[0].headers["ETag"]
    config = requests.get(caller.result(accepted[2]).json()["config_file"]["url"], timeout=60)
    assert config.json()["steps"] == 900


def test_weights_may_be_kept_for_a_while_only(fal: EmulatorControl, caller: FalCaller) -> None:
    fal.switch(weights_kept_s=600)
    url = caller.weights(caller.train())
    assert requests.head(url, timeout=60).status_code == 200
    fal.advance(601)
    assert requests.get(url, timeout=60).status_code == 404


def test_a_training_in_the_queue_is_cancelled(fal: EmulatorControl, caller: FalCaller) -> None:
    fal.progress(Progress.after_seconds(100))
    accepted = caller.train()
    cancelled = caller.call("PUT", accepted["cancel_url"])
    assert (cancelled.status_code, cancelled.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    status, result = caller.status(accepted), caller.result(accepted)
    assert (status.json()["status"], status.json()["error_type"]) == ("COMPLETED", "client_cancelled")
    assert (result.status_code, result.json()["error_type"]) == (499, "client_cancelled")
    again = caller.call("PUT", accepted["cancel_url"])
    assert (again.status_code, again.json()) == (400, {"status": "ALREADY_COMPLETED"})
    unknown = caller.call("PUT", accepted["cancel_url"].replace(accepted["request_id"], "unknown"))
    assert (unknown.status_code, unknown.json()) == (404, {"status": "NOT_FOUND"})
    assert fal.billing()[0].refunded


def test_a_training_that_runs_may_not_heed_its_cancellation(fal: EmulatorControl, caller: FalCaller) -> None:
    fal.progress(Progress.after_seconds(100))
    fal.switch(cancels="waiting")
    accepted = caller.train()
    fal.advance(100)
    assert caller.call("PUT", accepted["cancel_url"]).status_code == 202
    fal.advance(100)
    assert "error" not in caller.status(accepted).json()
    assert not fal.billing()[0].refunded


def test_an_outage_of_its_machines_has_its_own_type_and_status(fal: EmulatorControl, caller: FalCaller) -> None:
    fal.progress(Progress.after_seconds(100))
    accepted = caller.train()
    fal.fail_job(accepted["request_id"], "runner_disconnected")
    assert caller.status(accepted).json()["error_type"] == "runner_disconnected"
    result = caller.result(accepted)
    assert (result.status_code, result.headers["x-fal-error-type"]) == (503, "runner_disconnected")


@pytest.mark.parametrize("trainer", ["fal-ai/qwen-image-trainer", FLUX_2])
def test_a_retired_trainer_is_shown_as_such_and_takes_nothing(
    fal: EmulatorControl, caller: FalCaller, trainer: str
) -> None:
    fal.switch(retired=[FLUX_2])
    (model,) = caller.call("GET", "v1/models", params={"endpoint_id": trainer}).json()["models"]
    assert model["metadata"]["status"] == "deprecated"
    response = caller.submit(trainer)
    assert (response.status_code, response.json()["detail"]) == (404, f'Application "{trainer}" not found')
    assert fal.billing() == []


def test_a_longer_queue_than_is_asked_for_rejects(fal: EmulatorControl, caller: FalCaller) -> None:
    fal.progress(Progress.after_seconds(100))
    statuses = [caller.submit(f"{FLUX}?fal_max_queue_length=0").status_code for _ in range(2)]
    assert statuses == [200, 429]


@pytest.mark.parametrize(
    ("fault", "own"),
    [
        (Fault("refuse", status=503, body="html"), False),
        (Fault("refuse", status=503), True),
        (Fault("refuse", status=429), True),
        (Fault("refuse", status=403), True),
    ],
)
def test_only_the_gateway_sends_no_id_of_a_request(
    fal: EmulatorControl, caller: FalCaller, fault: Fault, own: bool
) -> None:
    fal.inject(fault)
    response = caller.call("POST", DRAW, json={})
    assert (response.status_code, "x-fal-request-id" in response.headers) == (fault.status, own)
    assert ("nginx" in response.text) is not own
    assert ("Exhausted balance" in response.text) is (fault.status == 403)


def test_a_lost_answer_leaves_a_training_that_is_paid_and_listed_with_its_input(
    fal: EmulatorControl, caller: FalCaller
) -> None:
    url = caller.upload(name="0123456789abcdef-g1.zip")
    fal.inject(Fault("cut_after_effect", f"/{FLUX}"))
    with pytest.raises(requests.ConnectionError):
        caller.call("POST", FLUX, json={"images_data_url": url})
    (row,) = caller.listed(expand="payloads")["items"]
    assert row["request_id"] == fal.billing()[0].id
    assert row["json_input"] == {"images_data_url": url}
    assert url.endswith("/0123456789abcdef-g1.zip")
    assert fal.billing()[0].name == "0123456789abcdef-g1"


# Storage


@pytest.mark.parametrize("client", ["python", "javascript"])
def test_files_are_uploaded_in_parts(caller: FalCaller, client: str) -> None:
    content = dataset()
    halves = content[:500], content[500:]
    if client == "python":
        token = caller.call("POST", "storage/auth/token?storage_type=fal-cdn-v3", json={}).json()
        headers = {"Authorization": f"{token['token_type']} {token['token']}", "X-Fal-File-Name": "set.zip"}
        begun = requests.post(f"{token['base_url']}/files/upload/multipart", headers=headers, timeout=60).json()
        base, file_url = f"{begun['access_url']}/multipart/{begun['uploadId']}", begun["access_url"]
    else:
        body = {"file_name": "set.zip", "content_type": "application/zip"}
        begun = caller.call("POST", "storage/upload/initiate-multipart?storage_type=fal-cdn-v3", json=body).json()
        base, file_url = begun["upload_url"], begun["file_url"]
    parts = [requests.put(f"{base}/{n}", data=half, timeout=60) for n, half in enumerate(halves, 1)]
    named = [part.json() for part in reversed(parts)]
    assert [part.headers["ETag"] for part in reversed(parts)] == [part["etag"] for part in named]
    wrong_tag = {**named[0], "etag": "other"}
    for parts_of, status in ((named[:1], 400), ([wrong_tag, named[1]], 400), (named, 200)):
        assert requests.post(f"{base}/complete", json={"parts": parts_of}, timeout=60).status_code == status
    assert requests.get(file_url, timeout=60).content == content
    assert (
        "error" not in caller.status(caller.call("POST", FLUX, json={"images_data_url": file_url}).json()).json()
    )


def test_an_upload_without_its_key_or_token_is_rejected(fal: EmulatorControl, caller: FalCaller) -> None:
    body = {"file_name": "set.zip", "content_type": "application/zip"}
    initiate = f"{fal.url}/storage/upload/initiate?storage_type=fal-cdn-v3"
    assert requests.post(initiate, json=body, timeout=60).status_code == 401
    assert caller.call("POST", "files/upload", data=b"PK").status_code == 401
    assert caller.call("POST", "storage/upload/initiate?storage_type=fal-cdn-v3", json={}).status_code == 422
    place = caller.call("POST", initiate, json=body).json()
    assert requests.put(place["upload_url"].partition("?")[0], data=b"PK", timeout=60).status_code == 403
