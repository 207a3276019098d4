"""What sets Kontext and Qwen trainings apart from Flux ones."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.emulator.public_files import serving
from tests.emulator.segmind_caller import AS_BYTES, IMAGE, Caller, dataset, pairs, portrait
from tuneloop.emulator import EmulatorControl

RED = [178, 34, 34]


def _text(image: bytes) -> str:
    return base64.b64encode(image).decode()


def _pixels(image: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB"), np.float64)


def _share_of_red(image: bytes) -> float:
    return float((np.abs(_pixels(image) - RED).max(2) < 60).mean())


def test_each_trainer_names_the_id_as_its_page_does(caller: Caller) -> None:
    for theme, submitted, shown in (("KONTEXT", "finetune_id", "id"), ("QWEN", "request_id", "request_id")):
        archive = caller.upload(pairs() if theme == "KONTEXT" else None)
        accepted = caller.submit(archive, theme=theme).json()
        job = caller.details(accepted[submitted])
        assert (job[shown], job["finetune_id"]) == (accepted[submitted], accepted[submitted])
        assert caller.listed()[-1][shown] == accepted[submitted]


def test_parameters_that_kontext_and_qwen_do_not_name_pass_as_single_values(caller: Caller) -> None:
    for theme in ("KONTEXT", "QWEN"):
        archive = caller.upload(pairs() if theme == "KONTEXT" else None)
        accepted = caller.submit(archive, theme=theme, lora_rank=32, optimizer="adamw", center_crop=True)
        assert accepted.status_code == 200
        assert caller.listed()[-1]["advance_parameters"]["lora_rank"] == 32
        assert caller.submit(archive, theme=theme, lora_rank=[32]).status_code == 400
        assert caller.submit(archive, theme=theme, learning_rate="0.0004").status_code == 400


@pytest.mark.parametrize("named", ["{:02}_{}.png", "{}_{}.PNG", "roof {:03}_{}.png"])
def test_pairs_are_trained_on_however_they_are_counted(caller: Caller, named: str) -> None:
    assert caller.details(caller.train(pairs(2, named=named), theme="KONTEXT"))["status"] == "AVAILABLE"


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (pairs(1, named="a_{1}_{0}.png"), "has no partner"),
        (dataset(), "00.png has no partner: name images INDEX_start and INDEX_end"),
        (pairs(0), "Looks like empty dataset. Please do not create subfolders, only zip the images"),
        (pairs(2, named="set/{}_{}.png"), "do not create subfolders"),
        (pairs(2)[:-30], "Internal Server Error"),
    ],
    ids=["unpaired", "no pairs", "empty", "subfolder", "torn"],
)
def test_images_without_a_partner_fail_a_kontext_training(caller: Caller, archive: bytes, message: str) -> None:
    job = caller.details(caller.train(archive, theme="KONTEXT"))
    assert job["status"] == "FAILED"
    assert message in job["error_message"]


def test_a_kontext_model_changes_the_image_it_is_given(caller: Caller) -> None:
    model = caller.train(theme="KONTEXT")
    before = portrait(7)
    after, other = (caller.own_image(model, image=_text(image)).content for image in (before, portrait(3)))
    # The hat of the pairs is there, and the rest is still the image that was sent.
    assert _share_of_red(before) == 0
    assert _share_of_red(after) > 0.03
    half = np.s_[300:500, :]
    enlarged = np.asarray(Image.open(io.BytesIO(before)).resize((512, 512)), np.float64)
    assert np.abs(_pixels(after)[half] - enlarged[half]).mean() < 25
    assert np.abs(_pixels(after)[half] - _pixels(other)[half]).mean() > 10


def test_without_strength_a_kontext_model_leaves_the_image_alone(caller: Caller) -> None:
    model = caller.train(theme="KONTEXT")
    response = caller.own_image(model, image=_text(portrait()), lora_strength=0)
    assert _share_of_red(response.content) == 0


def test_the_image_to_change_comes_as_text_data_uri_or_url(caller: Caller) -> None:
    model = caller.train(theme="KONTEXT")
    with serving({"/before.png": portrait()}) as public:
        forms = [_text(portrait()), "data:image/png;base64," + _text(portrait()), f"{public}/before.png"]
        drawn = {caller.own_image(model, image=image).content for image in forms}
    assert len(drawn) == 1


@pytest.mark.parametrize("image", ["not base64!", "aGFyYm91cg==", "https://example.com/before.png"])
def test_an_image_that_cannot_be_read_is_rejected_and_not_billed(
    emulator: EmulatorControl, caller: Caller, image: str
) -> None:
    model = caller.train(theme="KONTEXT")
    response = caller.own_image(model, image=image)
    assert (response.status_code, list(response.json())) == (400, ["error"])
    assert [entry.kind for entry in emulator.billing()] == ["training"]


def test_a_changed_image_keeps_its_shape_where_none_is_asked_for(caller: Caller) -> None:
    model = caller.train(theme="KONTEXT")
    stored = io.BytesIO()
    Image.new("RGB", (90, 60), "peru").save(stored, "PNG")
    body = {key: value for key, value in IMAGE.items() if key != "aspect_ratio"}
    path = "/v1/" + caller.details(model)["slug"]
    response = caller.call("POST", path, json={**body, "image": _text(stored.getvalue())}, headers=AS_BYTES)
    assert Image.open(io.BytesIO(response.content)).size == (512, 341)
    response = caller.own_image(model, image=_text(stored.getvalue()), aspect_ratio="2:3")
    assert Image.open(io.BytesIO(response.content)).size == (341, 512)


def test_the_bill_holds_the_digest_of_an_image_and_not_the_image(
    emulator: EmulatorControl, caller: Caller
) -> None:
    caller.own_image(caller.train(theme="KONTEXT"), image=_text(portrait()))
    assert emulator.billing()[-1].summary["image"].startswith("sha256:")


def test_the_shared_endpoint_draws_with_flux_models_only(caller: Caller) -> None:
    for theme, status in (("FLUX", 200), ("QWEN", 404), ("KONTEXT", 404)):
        model = caller.train(theme=theme)
        caller.listed()
        assert caller.image(model).status_code == status


def test_a_model_draws_the_same_on_its_own_endpoint(caller: Caller) -> None:
    model = caller.train(name="Harbour & Pier")
    caller.listed()
    assert caller.details(model)["slug"] == f"{model}-harbour-pier"
    assert caller.own_image(model).content == caller.image(model).content
    assert caller.call("POST", f"/v1/{model}-pier", json=IMAGE).status_code == 404
    assert caller.own_image(model, finetune_id=model).status_code == 400


def test_qwen_models_draw(caller: Caller) -> None:
    response = caller.own_image(caller.train(theme="QWEN"))
    assert Image.open(io.BytesIO(response.content)).size == (512, 512)
