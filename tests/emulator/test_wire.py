"""The emulator responses every documented exchange as documented."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from tests.emulator import wire_worlds
from tests.emulator.public_files import serving
from tests.emulator.segmind_caller import dataset, portrait
from tests.wire.exchanges import Exchange, Form, difference, exchanges, filled
from tests.wire.replay import replaying
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator

SEGMIND, BFL, FAL = exchanges("segmind"), exchanges("bfl"), exchanges("fal")

World = tuple[EmulatorControl, dict[str, str]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], World]]:
    """The account of a provider that has trained one theme; each is made once."""
    worlds: dict[str, World] = {}
    with ExitStack() as running:
        files = {"/set.zip": dataset(), "/no-head.zip": dataset(), "/before.png": portrait()}
        public = running.enter_context(serving(files))

        def of(provider: str, theme: str) -> World:
            name = f"{provider}-{theme}"
            if name not in worlds:
                folder = tmp_path_factory.mktemp(name)
                emulator = running.enter_context(running_emulator(provider, folder, progress=Progress.at_once()))
                worlds[name] = emulator, _values(provider, emulator, theme, public)
            return worlds[name]

        yield of


def _values(provider: str, emulator: EmulatorControl, theme: str, public: str) -> dict[str, str]:
    if provider == "segmind":
        return wire_worlds.segmind(emulator, theme, public)
    return {"bfl": wire_worlds.bfl, "fal": wire_worlds.fal, "replicate": wire_worlds.replicate}[provider](emulator)


@pytest.mark.parametrize("documented", SEGMIND, ids=lambda documented: documented.name)
def test_segmind_answers_as_documented(world: Callable[[str, str], World], documented: Exchange) -> None:
    _check(documented, *world("segmind", documented.theme))


@pytest.mark.parametrize("documented", BFL, ids=lambda documented: documented.name)
def test_bfl_answers_as_documented(world: Callable[[str, str], World], documented: Exchange) -> None:
    _check(documented, *world("bfl", ""))


@pytest.mark.parametrize("documented", FAL, ids=lambda documented: documented.name)
def test_fal_answers_as_documented(world: Callable[[str, str], World], documented: Exchange) -> None:
    _check(documented, *world("fal", ""))


@pytest.mark.parametrize("documented", exchanges("replicate"), ids=lambda documented: documented.name)
def test_replicate_answers_as_documented(world: Callable[[str, str], World], documented: Exchange) -> None:
    _check(documented, *world("replicate", ""))


def _check(documented: Exchange, emulator: EmulatorControl, values: dict[str, str]) -> None:
    if documented.fault is not None:
        emulator.inject(Fault(**documented.fault))
    emulator.switch(**(documented.switches or {}))
    response = _play(documented, emulator.url, values)
    emulator.reset_switches()
    expected = documented.response
    assert response.status_code == expected.status, response.text[:2000]
    content_type = response.headers.get("content-type")
    assert (content_type and content_type.partition(";")[0]) == expected.content_type
    assert not [name for name in expected.headers or {} if name not in response.headers]
    assert not [name for name in documented.absent_headers if name in response.headers]
    _check_body(documented, response, emulator.url)


def _check_body(documented: Exchange, response: requests.Response, origin: str) -> None:
    expected = documented.response
    if expected.text is not None:
        # Of a documented URL, the part before the ids is fixed.
        assert re.split("/user/|/job/", expected.text.replace("${origin}", origin))[0] in response.text
    elif expected.content_type == "application/json":
        body = response.json()
        assert difference(expected.body, body, any_type=expected.any_type) is None
        for key in expected.fixed:
            assert _at(body, key) == _at(expected.body, key)


def _at(body: Any, key: str) -> Any:
    """A value of a body, or of the one object in it."""
    return body[key] if key in body else next(iter(body.values()))[key]


def _play(documented: Exchange, origin: str, values: dict[str, str]) -> requests.Response:
    request = documented.request
    path, body = filled(request.path, values), filled(request.body, values)
    url = path if path.startswith("http") else origin + path
    headers = dict(filled(request.headers, values))
    with requests.Session() as session:
        session.trust_env = False
        return session.request(request.method, url, timeout=60, **_encoded(request.form, body, headers))


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
        response = requests.post(replay.url + documented.request.path, json={"name": "x"}, timeout=60)
    assert response.json() == documented.response.body
    (received,) = replay.received
    assert (received.method, received.path, received.body) == ("POST", documented.request.path, b'{"name": "x"}')


def test_a_missing_key_or_a_wrong_type_is_a_difference() -> None:
    documented = {"status": "REQUESTED", "error_message": None, "steps": 3}
    assert difference(documented, {"status": "FAILED", "error_message": "why", "steps": 0.5}) is None
    assert difference(documented, {"status": "FAILED", "error_message": "why"}) is not None
    assert difference(documented, {"status": 3, "error_message": None, "steps": 3}) is not None
    assert difference(documented, {"status": 3, "error_message": None, "steps": 3}, any_type=("status",)) is None
    assert difference([documented], [documented, {}]) is not None
