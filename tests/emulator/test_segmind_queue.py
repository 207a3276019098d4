"""Images in Segmind's v2 queue."""

import pytest
import requests

from tests.emulator.segmind_caller import IMAGE, Caller
from tuneloop.emulator import EmulatorControl


@pytest.fixture
def model(caller: Caller) -> str:
    job_id = caller.train()
    caller.listed()
    return job_id


def _asked(caller: Caller, url: str) -> requests.Response:
    return caller.session.get(url, timeout=60)


def test_a_queued_image_comes_in_its_time(emulator: EmulatorControl, caller: Caller, model: str) -> None:
    emulator.switch(image_s=40)
    task = caller.queued(model)
    seen = []
    for _ in range(3):
        seen.append(_asked(caller, task["status_url"]).json()["status"])
        emulator.advance(21)
    assert seen == ["QUEUED", "PROCESSING", "COMPLETED"]
    (url,) = _asked(caller, task["response_url"]).json()["output"]
    assert requests.get(url, timeout=60).content == caller.image(model).content


def test_before_its_time_an_image_has_no_output(emulator: EmulatorControl, caller: Caller, model: str) -> None:
    emulator.switch(image_s=40)
    task = caller.queued(model)
    response = _asked(caller, task["response_url"])
    assert (response.status_code, response.json()["status"]) == (200, "QUEUED")
    assert "output" not in response.json()
    assert requests.get(f"{caller.origin}/outputs/{task['request_id']}.jpg", timeout=60).status_code == 404


def test_a_queued_image_is_billed_once_however_often_it_is_asked_for(
    emulator: EmulatorControl, caller: Caller, model: str
) -> None:
    emulator.switch(image_s=0)
    task = caller.queued(model)
    for url in (task["status_url"], task["response_url"], task["poll_url"]):
        _asked(caller, url)
    billed = emulator.billing()[-1]
    assert (billed.id, billed.kind, billed.name, billed.refunded) == (
        task["request_id"],
        "inference",
        model,
        False,
    )
    assert len(emulator.billing()) == 2


def test_a_failed_image_says_so_under_422_and_is_refunded(
    emulator: EmulatorControl, caller: Caller, model: str
) -> None:
    emulator.switch(image_s=10, images_fail="CUDA out of memory")
    task = caller.queued(model)
    emulator.reset_switches()
    assert emulator.billing()[-1].refunded is False
    emulator.advance(10)
    for url in (task["status_url"], task["response_url"]):
        response = _asked(caller, url)
        assert (response.status_code, response.json()["status"]) == (422, "FAILED")
        assert response.json()["error"] == "CUDA out of memory"
    assert emulator.billing()[-1].refunded is True


def test_the_record_lasts_an_hour_and_the_file_seven_days(
    emulator: EmulatorControl, caller: Caller, model: str
) -> None:
    emulator.switch(image_s=0)
    task = caller.queued(model)
    (url,) = _asked(caller, task["response_url"]).json()["output"]
    emulator.advance(3601)
    assert _asked(caller, task["status_url"]).status_code == 404
    assert requests.get(url, timeout=60).status_code == 200
    emulator.advance(7 * 24 * 3600)
    assert requests.get(url, timeout=60).status_code == 404


def test_the_queue_asks_for_the_key(emulator: EmulatorControl, caller: Caller, model: str) -> None:
    emulator.switch(image_s=0)
    task = caller.queued(model)
    assert requests.get(task["status_url"], timeout=60).status_code == 401


def test_a_model_may_insist_on_the_queue(emulator: EmulatorControl, caller: Caller, model: str) -> None:
    emulator.need_queue(model)
    refused = [caller.image(model), caller.own_image(model)]
    assert [response.status_code for response in refused] == [400, 400]
    assert all("v2" in response.json()["error"] for response in refused)
    assert len(emulator.billing()) == 1
    assert caller.call("POST", "/v2/flux-dev-finetuned", json={**IMAGE, "finetune_id": model}).ok
    assert caller.own_image(model, "v2").ok


def test_an_image_may_come_inside_json(emulator: EmulatorControl, caller: Caller, model: str) -> None:
    emulator.switch(image_response="json")
    response = caller.image(model)
    assert response.headers["content-type"] == "application/json"
    assert response.json()["image"].startswith("/9j/")
    assert response.headers["x-request-id"]
