"""Images at the emulated fal."""

import io
from typing import Any

import pytest
import requests
from PIL import Image

from tests.emulator.fal_caller import DRAW, FLUX_2, KONTEXT, FalCaller
from tests.emulator.public_files import serving
from tests.emulator.segmind_caller import dataset, pairs, portrait
from tuneloop.emulator import EmulatorControl
from tuneloop.emulator.fal.inference import ENDPOINTS, Endpoint
from tuneloop.emulator.fal.trainers import TRAINERS, Trainer

WITH_WEIGHTS = [trainer for trainer in TRAINERS.values() if not trainer.retired]
SMALL = {"width": 64, "height": 64}


@pytest.fixture
def caller(fal: EmulatorControl) -> FalCaller:
    return FalCaller(fal)


def image(caller: FalCaller, weights: str, endpoint: str = DRAW, **changed: Any) -> requests.Response:
    found = caller.result(caller.draw(weights, endpoint, **changed)).json()["images"][0]
    response = requests.get(found["url"], timeout=60)
    assert response.headers["content-type"] == found["content_type"]
    assert Image.open(io.BytesIO(response.content)).size == (found["width"], found["height"])
    return response


@pytest.mark.parametrize("trainer", WITH_WEIGHTS, ids=lambda trainer: trainer.endpoint)
def test_every_trainer_makes_weights_that_draw(fal: EmulatorControl, caller: FalCaller, trainer: Trainer) -> None:
    endpoint: Endpoint = ENDPOINTS[trainer.inference]
    edits: dict[str, Any] = {}
    with serving({"/before.png": portrait()}) as public:
        if endpoint.images_field:
            url = f"{public}/before.png"
            edits = {endpoint.images_field: url if endpoint.images_field == "image_url" else [url]}
        caption = {"default_caption": "HRBR figure"} if trainer.needs_captions else {}
        zipped = caller.upload(pairs(2) if trainer.images_of_pair else dataset(2))
        accepted = caller.call("POST", trainer.endpoint, json={trainer.zip_field: zipped, **caption}).json()
        weights = caller.result(accepted).json()[trainer.output]["url"]
        assert image(caller, weights, endpoint.name, image_size=SMALL, **edits).content
    assert [entry.kind for entry in fal.billing()] == ["training", "inference"]
    assert fal.billing()[0].summary.get("price_usd", 1) > 0


@pytest.mark.parametrize(
    ("asked", "size", "kind"),
    [({}, (1024, 768), "JPEG"), ({"image_size": "square", "output_format": "png"}, (512, 512), "PNG")],
)
def test_an_image_has_the_size_and_format_that_were_asked_for(
    caller: FalCaller, asked: dict[str, Any], size: tuple[int, int], kind: str
) -> None:
    found = Image.open(io.BytesIO(image(caller, caller.weights(caller.train()), **asked).content))
    assert (found.size, found.format) == (size, kind)


def test_the_same_request_gives_the_same_image_and_another_seed_or_scale_another(caller: FalCaller) -> None:
    weights = caller.weights(caller.train())
    asked: list[dict[str, Any]] = [{}, {}, {"seed": 12}, {"loras": [{"path": weights, "scale": 0.3}]}]
    drawn = [image(caller, weights, image_size=SMALL, **each).content for each in asked]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


def test_weights_may_lie_elsewhere(caller: FalCaller) -> None:
    weights = caller.weights(caller.train())
    with serving({"/no-head.safetensors": requests.get(weights, timeout=60).content}) as public:
        elsewhere = image(caller, f"{public}/no-head.safetensors", image_size=SMALL)
    assert elsewhere.content == image(caller, weights, image_size=SMALL).content


def test_weights_that_cannot_be_used_fail_the_image(fal: EmulatorControl, caller: FalCaller) -> None:
    foreign = caller.weights(caller.train(FLUX_2))
    with serving({"/other.safetensors": b"none"}) as public:
        for weights in (foreign, f"{public}/other.safetensors", f"{public}/none", "https://example.com/a"):
            accepted = caller.draw(weights)
            assert caller.status(accepted).json()["status"] == "COMPLETED"
            result = caller.result(accepted)
            assert (result.status_code, result.json()["detail"][0]["loc"]) == (422, ["body", "loras", 0, "path"])
    assert all(entry.refunded for entry in fal.billing()[1:])


def test_an_edit_keeps_the_shape_of_its_image(caller: FalCaller) -> None:
    with serving({"/before.png": portrait(), "/no.png": b"none"}) as public:
        weights = caller.weights(caller.train(KONTEXT))
        drawn = image(caller, weights, "fal-ai/flux-kontext-lora", image_url=f"{public}/before.png")
        assert Image.open(io.BytesIO(drawn.content)).size == (96, 96)
        broken = caller.draw(weights, "fal-ai/flux-kontext-lora", image_url=f"{public}/no.png")
        assert caller.result(broken).json()["detail"][0]["loc"] == ["body", "image_url"]


def test_an_image_takes_its_time_and_may_be_cancelled(fal: EmulatorControl, caller: FalCaller) -> None:
    weights = caller.weights(caller.train())
    fal.switch(image_s=30)
    waiting, kept = caller.draw(weights, image_size=SMALL), caller.draw(weights, image_size=SMALL)
    assert (caller.status(waiting).json()["status"], caller.result(waiting).status_code) == ("IN_QUEUE", 400)
    assert caller.call("PUT", waiting["cancel_url"]).status_code == 202
    assert caller.status(waiting).json()["error_type"] == "client_cancelled"
    fal.advance(20)
    assert caller.status(kept).json()["status"] == "IN_PROGRESS"
    fal.advance(10)
    assert caller.status(kept).status_code == caller.result(kept).status_code == 200


def test_an_image_fails_as_it_is_told_to(fal: EmulatorControl, caller: FalCaller) -> None:
    weights = caller.weights(caller.train())
    fal.switch(images_fail="runner_scheduling_failure")
    assert caller.result(caller.draw(weights)).status_code == 503
    fal.switch(images_fail="The prompt was not accepted")
    assert caller.result(caller.draw(weights)).json()["detail"][0]["msg"] == "The prompt was not accepted"


def test_too_many_weights_and_a_wrong_size_are_named(caller: FalCaller) -> None:
    wrong = {"loras": [{"path": "a"}] * 4, "image_size": {"width": 0}, "num_inference_steps": 3}
    response = caller.call("POST", "fal-ai/flux-2/lora", json={"prompt": "a", **wrong})
    named = {tuple(error["loc"][:2]) for error in response.json()["detail"]}
    assert named == {("body", name) for name in wrong}
