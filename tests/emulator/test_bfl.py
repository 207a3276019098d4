"""Trainings and images at the emulated BFL."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.emulator.bfl_caller import PRO, ULTRA, BflCaller, changed_zip
from tests.emulator.segmind_caller import dataset
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator("bfl", tmp_path, progress=Progress.at_once()) as control:
        control.switch(image_s=0)
        yield control


@pytest.fixture
def caller(emulator: EmulatorControl) -> BflCaller:
    return BflCaller(emulator)


def test_a_training_is_pending_until_it_is_ready(emulator: EmulatorControl, caller: BflCaller) -> None:
    emulator.progress(Progress.after_seconds(60))
    job_id = caller.train()
    assert caller.result(job_id)["status"] == "Pending"
    assert caller.draw(job_id).json() == {"detail": "Finetune not found or not ready"}
    emulator.advance(61)
    assert caller.result(job_id) == {
        "id": job_id,
        "status": "Ready",
        "result": None,
        "progress": None,
        "details": None,
    }
    assert caller.draw(job_id).status_code == 200


def test_polls_of_the_result_move_a_training(emulator: EmulatorControl, caller: BflCaller) -> None:
    emulator.progress(Progress.after_polls(3))
    job_id = caller.train()
    assert [caller.result(job_id)["status"] for _ in range(4)] == ["Pending", "Pending", "Ready", "Ready"]


@pytest.mark.parametrize(("images", "status"), [(1, "Ready"), (20, "Ready"), (21, "Request Moderated")])
def test_more_than_twenty_images_are_accepted_and_then_moderated(
    emulator: EmulatorControl, caller: BflCaller, images: int, status: str
) -> None:
    job_id = caller.train(images)
    assert caller.result(job_id)["status"] == status
    assert emulator.billing()[0].refunded is (status != "Ready")


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (changed_zip("more.zip", dataset(1)), "Archives are not allowed in the zip file: more.zip"),
        (changed_zip("link.jpg", b"00.png", 0o120777), "Suspicious file attributes detected: link.jpg"),
        (dataset(0), "No images found in the zip file"),
        (b"no zip at all", "Invalid zip file"),
    ],
)
def test_a_bad_archive_is_rejected_with_all_that_was_sent(
    emulator: EmulatorControl, caller: BflCaller, archive: bytes, message: str
) -> None:
    response = caller.submit(archive, iterations=200)
    (error,) = response.json()["detail"]
    assert (response.status_code, error["type"], error["loc"]) == (422, "value_error", ["body"])
    assert error["msg"] == f"Value error, {message}"
    # Keys are echoed in their order, and the archive in full.
    assert list(error["input"]) == ["file_data", "finetune_comment", "trigger_word", "mode", "iterations"]
    assert base64.b64decode(error["input"]["file_data"]) == archive
    assert (emulator.billing(), emulator.jobs()) == ([], [])


def test_a_torn_image_ends_as_an_error(caller: BflCaller) -> None:
    whole = io.BytesIO()
    Image.effect_noise((64, 64), 80).convert("RGB").save(whole, "JPEG")
    job_id = caller.submit(changed_zip("torn.jpg", whole.getvalue()[:-200])).json()["finetune_id"]
    assert caller.result(job_id)["status"] == "Error"
    assert caller.result(job_id)["details"] == {"error": "An image cannot be read"}


@pytest.mark.parametrize("end", ["Error", "Request Moderated", "Content Moderated"])
def test_a_training_can_be_failed_in_each_way(emulator: EmulatorControl, caller: BflCaller, end: str) -> None:
    emulator.progress(Progress.after_seconds(3600))
    job_id = caller.train()
    emulator.fail_job(job_id, end)
    assert caller.result(job_id)["status"] == end
    assert caller.draw(job_id).status_code == 400


@pytest.mark.parametrize(("iterations", "price"), [(100, 2), (149, 2), (150, 4), (500, 4), (501, 6), (1000, 6)])
def test_the_price_of_a_training_follows_from_its_iterations(
    emulator: EmulatorControl, caller: BflCaller, iterations: int, price: int
) -> None:
    job_id = caller.train(iterations=iterations, webhook_url="https://example.com/hook", webhook_secret="hush")
    (billed,) = emulator.billing()
    assert (billed.id, billed.kind, billed.name) == (job_id, "training", "harbour")
    assert billed.summary["price_usd"] == price
    assert "hush" not in str(billed)


def test_an_accepted_training_may_never_be_listed(emulator: EmulatorControl, caller: BflCaller) -> None:
    emulator.switch(accepts_unlisted=True)
    job_id = caller.train()
    assert caller.listed() == []
    assert caller.result(job_id)["status"] == "Ready"
    assert len(emulator.billing()) == 1


def test_a_lost_response_leaves_a_training_that_is_paid_and_listed(
    emulator: EmulatorControl, caller: BflCaller
) -> None:
    emulator.inject(Fault("cut_after_effect", "/v1/finetune"))
    with pytest.raises(requests.ConnectionError):
        caller.train()
    assert caller.listed() == [emulator.billing()[0].id]


def test_a_deleted_model_is_gone_everywhere(caller: BflCaller) -> None:
    kept, gone = caller.train(), caller.train()
    assert caller.call("POST", "/v1/delete_finetune", json={"finetune_id": gone}).status_code == 200
    assert caller.listed() == [kept]
    assert caller.draw(gone).status_code == 400
    again = caller.call("POST", "/v1/delete_finetune", json={"finetune_id": gone})
    details = caller.call("GET", "/v1/finetune_details", params={"finetune_id": gone})
    assert (again.status_code, details.status_code) == (404, 404)


def test_the_rate_of_a_training_that_named_none_depends_on_its_type(caller: BflCaller) -> None:
    for kind, rate in (("full", 1e-5), ("lora", 1e-4)):
        job_id = caller.train(finetune_type=kind)
        response = caller.call("GET", "/v1/finetune_details", params={"finetune_id": job_id})
        assert response.json()["finetune_details"]["learning_rate"] == rate


@pytest.mark.parametrize(
    ("path", "asked", "size", "kind"),
    [
        (PRO, {}, (1024, 768), "JPEG"),
        (PRO, {"width": 256, "height": 1440, "output_format": "png"}, (256, 1440), "PNG"),
        (ULTRA, {}, (1024, 576), "JPEG"),
        (ULTRA, {"aspect_ratio": "9:21", "output_format": "png"}, (438, 1024), "PNG"),
    ],
)
def test_an_image_has_the_size_and_format_that_were_asked_for(
    caller: BflCaller, path: str, asked: dict[str, object], size: tuple[int, int], kind: str
) -> None:
    response = requests.get(caller.sample(caller.train(), path, **asked), timeout=60)
    assert response.headers["content-type"] == f"image/{kind.lower()}"
    image = Image.open(io.BytesIO(response.content))
    assert (image.size, image.format) == (size, kind)


def test_the_same_request_gives_the_same_image_and_another_seed_another(caller: BflCaller) -> None:
    model = caller.train()
    first, again, other = (requests.get(caller.sample(model, seed=seed), timeout=60).content for seed in (1, 1, 2))
    assert first == again != other


def test_an_image_without_a_seed_shows_the_one_it_took(emulator: EmulatorControl, caller: BflCaller) -> None:
    model = caller.train()
    found = caller.result(caller.image(model, seed=None))["result"]
    assert found["seed"] == emulator.billing()[-1].summary["seed"]
    repeated = caller.sample(model, seed=found["seed"])
    assert requests.get(found["sample"], timeout=60).content == requests.get(repeated, timeout=20).content


def test_an_image_takes_its_time_and_shows_it(emulator: EmulatorControl, caller: BflCaller) -> None:
    emulator.switch(image_s=30)
    task = caller.image(caller.train())
    assert caller.result(task)["status"] == "Pending"
    emulator.advance(31)
    found = caller.result(task)["result"]
    assert found["duration"] == pytest.approx(found["end_time"] - found["start_time"]) == pytest.approx(30)


def test_the_address_of_an_image_is_valid_for_ten_minutes(emulator: EmulatorControl, caller: BflCaller) -> None:
    url = caller.sample(caller.train())
    other = caller.sample(caller.train())
    forged = url.partition("?")[0] + "?" + other.partition("?")[2]
    emulator.advance(590)
    assert [requests.get(address, timeout=60).status_code for address in (url, forged)] == [200, 403]
    emulator.advance(20)
    assert requests.get(url, timeout=60).status_code == 403


@pytest.mark.parametrize("end", ["Request Moderated", "Content Moderated", "Internal error"])
def test_an_image_that_fails_is_refunded(emulator: EmulatorControl, caller: BflCaller, end: str) -> None:
    emulator.switch(images_fail=end)
    response = caller.result(caller.image(caller.train()))
    assert response["status"] == ("Error" if end == "Internal error" else end)
    assert response["result"] is None
    billed = emulator.billing()
    assert [(entry.kind, entry.refunded) for entry in billed] == [("training", False), ("inference", True)]
    assert billed[1].summary["price_usd"] == 0.07


def test_stronger_or_longer_training_draws_otherwise(caller: BflCaller) -> None:
    models = caller.train(), caller.train(iterations=100), caller.train(finetune_type="lora")
    drawn = {requests.get(caller.sample(model), timeout=60).content for model in models}
    drawn |= {requests.get(caller.sample(models[0], finetune_strength=0.2), timeout=60).content}
    assert len(drawn) == 4
