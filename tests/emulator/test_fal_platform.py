"""The emulated Platform API of fal: models, prices, the requests of the account."""

from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from tests.emulator.fal_caller import DRAW, FLUX, FLUX_2, FalCaller
from tuneloop.emulator import EmulatorControl, Fault, Progress


@pytest.fixture
def caller(fal: EmulatorControl) -> FalCaller:
    return FalCaller(fal)


def test_a_model_shows_its_state_and_its_schema_without_a_key(fal: EmulatorControl) -> None:
    asked = {"endpoint_id": FLUX_2, "expand": "openapi-3.0"}
    page = requests.get(f"{fal.url}/v1/models", params=asked, timeout=60).json()
    (model,) = page["models"]
    assert model["metadata"]["status"] == "active"
    assert model["metadata"]["inference_endpoint_ids"] == ["fal-ai/flux-2/lora"]
    content = model["openapi"]["paths"][f"/{FLUX_2}"]["post"]["requestBody"]["content"]
    name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = model["openapi"]["components"]["schemas"][name]
    assert schema["required"] == ["image_data_url"]
    steps = {key: schema["properties"]["steps"][key] for key in ("minimum", "maximum", "multipleOf", "default")}
    assert steps == {"minimum": 100, "maximum": 10_000, "multipleOf": 100, "default": 1000}


def test_unknown_models_and_wrong_queries_are_errors_of_the_platform(caller: FalCaller) -> None:
    by_endpoint = "v1/models/requests/by-endpoint"
    asked: list[tuple[str, dict[str, Any], int]] = [
        ("v1/models", {"endpoint_id": "fal-ai/none"}, 404),
        (by_endpoint, {}, 400),
        (by_endpoint, {"endpoint_id": FLUX, "limit": 101}, 400),
        (by_endpoint, {"endpoint_id": FLUX, "cursor": "?"}, 400),
        (by_endpoint, {"endpoint_id": FLUX, "start": "yesterday"}, 400),
    ]
    for path, query, status in asked:
        response = caller.call("GET", path, params=query)
        assert (response.status_code, "message" in response.json()["error"]) == (status, True)


def test_prices_are_for_a_step_or_a_megapixel(caller: FalCaller) -> None:
    asked = {"endpoint_id": [FLUX, DRAW, "fal-ai/flux-2-klein-9b-base-trainer"]}
    prices = caller.call("GET", "v1/models/pricing", params=asked).json()["prices"]
    assert [(price["endpoint_id"], price["unit_price"], price["unit"]) for price in prices] == [
        (FLUX, 0.002, "step"),
        (DRAW, 0.035, "megapixel"),
    ]


def test_requests_come_in_pages_the_newest_first(fal: EmulatorControl, caller: FalCaller) -> None:
    sent = []
    for _ in range(3):
        sent.append(caller.train()["request_id"])
        fal.advance(1)
    first = caller.listed(limit=2)
    second = caller.listed(limit=2, cursor=first["next_cursor"])
    assert [row["request_id"] for row in first["items"] + second["items"]] == sent[::-1]
    assert (first["has_more"], second["has_more"], second["next_cursor"]) == (True, False, None)
    assert "json_input" not in first["items"][0]
    assert caller.listed(FLUX_2)["items"] == []


def test_requests_of_the_last_day_are_listed_unless_more_are_asked_for(
    fal: EmulatorControl, caller: FalCaller
) -> None:
    request_id, sent = caller.train()["request_id"], fal.now()
    fal.advance(25 * 3600)
    start = datetime.fromtimestamp(sent - 60, UTC).isoformat()
    assert caller.listed()["items"] == []
    for query in ({"start": start}, {"request_id": request_id}):
        assert [row["request_id"] for row in caller.listed(**query)["items"]] == [request_id]


@pytest.mark.parametrize(("states", "shown"), [("started", [0, 1, 1]), ("ended", [0, 0, 1]), ("all", [1, 1, 1])])
def test_lists_may_leave_out_requests_that_wait_or_run(
    fal: EmulatorControl, caller: FalCaller, states: str, shown: list[int]
) -> None:
    fal.progress(Progress.after_seconds(10))
    fal.switch(list_states=states)
    caller.train()
    counts = []
    for _ in shown:
        counts.append(len(caller.listed()["items"]))
        fal.advance(10)
    assert counts == shown


def test_a_request_shows_how_it_ended_and_what_went_in_and_out(fal: EmulatorControl, caller: FalCaller) -> None:
    good, bad = caller.train(), caller.train(archive=b"no zip")
    rows = {row["request_id"]: row for row in caller.listed(expand="payloads")["items"]}
    assert rows[good["request_id"]]["status_code"] == 200
    assert rows[good["request_id"]]["json_output"] == caller.result(good).json()
    assert rows[bad["request_id"]]["status_code"] == 422
    assert rows[bad["request_id"]]["json_output"] == caller.result(bad).json()
    failed = caller.listed(status="user_error")["items"]
    assert [row["request_id"] for row in failed] == [bad["request_id"]]
    fal.switch(name_lag_s=60)
    assert "json_input" not in caller.listed(expand="payloads")["items"][0]


def test_a_search_finds_requests_by_words_of_their_input(caller: FalCaller) -> None:
    weights = caller.weights(caller.train())
    drawn = caller.draw(weights, prompt="a harbour at night")["request_id"]
    found = caller.call("GET", "v1/models/requests/search", params={"query": "harbour night"}).json()
    assert [row["request_id"] for row in found["results"]] == [drawn]
    assert found["results"][0]["json_input"]["prompt"] == "a harbour at night"
    everything = caller.call("GET", "v1/models/requests/search").json()["results"]
    assert [row["endpoint_id"] for row in everything] == [DRAW, FLUX]


def test_faults_of_the_platform_come_in_its_own_form(fal: EmulatorControl, caller: FalCaller) -> None:
    fal.inject(Fault("refuse", "/v1/models", status=429))
    response = caller.call("GET", "v1/models/pricing", params={"endpoint_id": FLUX})
    assert (response.status_code, response.json()["error"]["type"]) == (429, "rate_limited")
