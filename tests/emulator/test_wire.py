"""The emulator answers every documented exchange as documented."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.emulator.segmind_caller import Caller, dataset
from tests.wire.exchanges import Exchange, Form, difference, exchanges, filled
from tests.wire.replay import replaying
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator

SEGMIND = exchanges("segmind")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmulatorControl, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("emulator")
    with running_emulator("segmind", folder, progress=Progress.at_once()) as emulator:
        yield emulator, _values(emulator)


def _values(emulator: EmulatorControl) -> dict[str, str]:
    """What the placeholders of the documented requests stand for."""
    caller = Caller(emulator)
    available = caller.train()
    values = {
        "available_id": available,
        "weights_url": caller.details(available)["cloud_storage_url"],
        "expired_download_url": caller.weights_link(available),
        "expired_put_url": caller.place()["presigned_url"],
    }
    emulator.advance(3601)
    emulator.progress(Progress.after_seconds(1e9))
    fresh, empty = caller.place(), caller.place()
    return values | {
        "api_key": emulator.api_key,
        "young_id": caller.train(name="young"),
        "uploaded_url": caller.upload(),
        "put_url": fresh["presigned_url"],
        "unsigned_put_url": fresh["s3_url"],
        "forged_put_url": empty["s3_url"] + "?" + fresh["presigned_url"].partition("?")[2],
        "empty_url": empty["s3_url"],
        "download_url": caller.weights_link(available),
    }


@pytest.mark.parametrize("documented", SEGMIND, ids=lambda documented: documented.name)
def test_answers_as_documented(world: tuple[EmulatorControl, dict[str, str]], documented: Exchange) -> None:
    emulator, values = world
    if documented.fault is not None:
        emulator.inject(Fault(**documented.fault))
    answer = _play(documented, emulator.url, values)
    expected = documented.response
    assert answer.status_code == expected.status, answer.text
    content_type = answer.headers.get("content-type")
    assert (content_type and content_type.partition(";")[0]) == expected.content_type
    assert not [name for name in expected.headers or {} if name not in answer.headers]
    assert not [name for name in documented.absent_headers if name in answer.headers]
    _check_body(documented, answer, emulator.url)


def _check_body(documented: Exchange, answer: requests.Response, origin: str) -> None:
    expected = documented.response
    if expected.text is not None:
        # Of a documented URL, the part before the ids is fixed.
        assert re.split("/user/|/job/", expected.text.replace("${origin}", origin))[0] in answer.text
    elif expected.content_type == "application/json":
        body = answer.json()
        assert difference(expected.body, body) is None
        for key in expected.fixed:
            assert body.get("finetune", body)[key] == expected.body.get("finetune", expected.body)[key]


def _play(documented: Exchange, origin: str, values: dict[str, str]) -> requests.Response:
    request = documented.request
    path, body = filled(request.path, values), filled(request.body, values)
    url = path if path.startswith("http") else origin + path
    headers = dict(filled(request.headers, values))
    with requests.Session() as session:
        session.trust_env = False
        return session.request(request.method, url, timeout=20, **_encoded(request.form, body, headers))


def _encoded(form: Form, body: Any, headers: dict[str, str]) -> dict[str, Any]:
    """The arguments which make `requests` send a body in the documented form."""
    as_json = {**headers, "Content-Type": "application/json"}
    forms: dict[Form, dict[str, Any]] = {
        "none": {"headers": headers},
        "json": {"headers": headers, "json": body},
        "text": {"headers": {**headers, "Content-Type": "text/plain"}, "data": json.dumps(body)},
        "broken json": {"headers": as_json, "data": "{"},
        "multipart": {"headers": headers, "files": _parts(body)},
        "urlencoded": {"headers": headers, "data": body},
        "bytes": {"headers": headers, "data": dataset()},
        "chunked": {"headers": headers, "data": iter([dataset()])},
    }
    return forms[form]


def _parts(body: Any) -> dict[str, tuple[None, str]]:
    return {name: (None, value) for name, value in body.items()} if isinstance(body, dict) else {}


def test_a_replayed_answer_is_the_documented_one() -> None:
    (documented,) = [exchange for exchange in SEGMIND if exchange.name == "a training"]
    with replaying(documented) as replay:
        answer = requests.post(replay.url + documented.request.path, json={"name": "x"}, timeout=5)
    assert answer.json() == documented.response.body
    (received,) = replay.received
    assert (received.method, received.path, received.body) == ("POST", documented.request.path, b'{"name": "x"}')


def test_a_missing_key_or_a_wrong_type_is_a_difference() -> None:
    documented = {"status": "REQUESTED", "error_message": None, "steps": 3}
    assert difference(documented, {"status": "FAILED", "error_message": "why", "steps": 0.5}) is None
    assert difference(documented, {"status": "FAILED", "error_message": "why"}) is not None
    assert difference(documented, {"status": 3, "error_message": None, "steps": 3}) is not None
    assert difference([documented], [documented, {}]) is not None
