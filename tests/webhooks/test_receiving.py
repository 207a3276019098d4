"""How the receiver responds, and which calls ask for a sensor run."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import socket
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests

from tests.waiting import wait_until
from tests.webhooks.conftest import only_bfl, only_segmind
from tests.webhooks.world import PATH, SECRET, World, receiving, truth, with_secret
from tuneloop.clock import now
from tuneloop.emulator import Progress
from tuneloop.errors import ProviderUnavailable
from tuneloop.webhooks.receiver import BODY_LIMIT

NOWHERE = "/nowhere"


def signature(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"not JSON", b"\xff\xfe", b"[" * 99_999, b'"x"'])
def test_sample_of_any_form_is_answered_with_200(world: World, body: bytes) -> None:
    with receiving(world) as receiver:
        assert receiver.post(body) == 200
        assert receiver.post({"event": "AVAILABLE", "id": 7, "name": None, "x": [body.hex()]}) == 200


def test_strangers_learn_nothing(world: World) -> None:
    own = f"/hooks/{world.name}"
    with receiving(world) as receiver:
        answers = [
            requests.request(method, receiver.url + path, timeout=60)
            for method in ("GET", "POST", "PUT", "DELETE")
            for path in (NOWHERE, f"{own}/wrong", f"/hooks/other/{PATH}", f"{own}/{PATH}/", f"{own}/%F0")
        ]
        answers.append(requests.put(receiver.address, timeout=60))
        assert {(answer.status_code, answer.text) for answer in answers} == {(404, "not found\n")}
        ready = requests.get(receiver.address, timeout=60)
        assert (ready.status_code, ready.text) == (200, "ready\n")


def test_body_that_is_too_large_is_rejected(world: World) -> None:
    with receiving(world) as receiver:
        assert receiver.post(b" " * BODY_LIMIT + b"{}") == 413
        assert world.runs == []
        assert receiver.post(b" " * (BODY_LIMIT - 2) + b"{}") == 200
        wait_until("the account is polled", lambda: len(world.runs) == 1)


def test_sender_that_never_stops_is_cut_off(world: World) -> None:
    with receiving(world) as receiver:
        host, port = receiver.url.removeprefix("http://").split(":")
        head = f"POST /hooks/{world.name}/{PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(head.encode())
            assert megabytes_taken(connection) < 1000
        assert receiver.post(b"{}") == 200


def megabytes_taken(connection: socket.socket) -> int:
    for sent in range(1000):
        try:
            connection.sendall(bytes(1 << 20))
        except OSError:
            return sent
    return 1000


@only_bfl
def test_call_without_the_secret_is_rejected_and_makes_no_sensor_run(world: World) -> None:
    world = with_secret(world)
    run, job_id = world.submitted()
    world.emulator.progress(Progress.at_once())
    body = json.dumps(truth(world, job_id, "Ready")).encode()
    wrong: list[dict[str, str]] = [
        {},
        {"X-Webhook-Secret": "another"},
        {"X-Webhook-Secret": ""},
        {"X-Webhook-Secret": SECRET[:-1]},
        {"X-BFL-Signature": signature(body, "another")},
        {"X-BFL-Signature": signature(body + b" ")},
        {"X-BFL-Signature": signature(body).removeprefix("sha256=")},
    ]
    with receiving(world) as receiver:
        assert [receiver.post(body, headers) for headers in wrong] == [401] * len(wrong)
    assert world.runs == []
    assert world.states(run) == ["claimed", "submitted"]


@only_bfl
@pytest.mark.parametrize("kind", ["secret", "signature"])
def test_either_of_the_two_documented_signatures_will_do(world: World, kind: str) -> None:
    world = with_secret(world)
    run, job_id = world.submitted()
    world.emulator.progress(Progress.at_once())
    body = json.dumps(truth(world, job_id, "Ready")).encode()
    proof = {"X-Webhook-Secret": SECRET} if kind == "secret" else {"X-BFL-Signature": signature(body)}
    with receiving(world) as receiver:
        assert receiver.post(body, proof) == 200
        wait_until("the end is recorded", lambda: world.states(run)[-1] == "trained")


@only_bfl
@pytest.mark.parametrize("offset", [timedelta(minutes=-11), timedelta(minutes=11), timedelta(days=-400)])
def test_signed_call_of_another_time_is_rejected(
    world: World, offset: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    world = with_secret(world)
    moment = now() + offset
    with receiving(world) as receiver:
        seconds = moment.timestamp()
        for stamp in (moment.isoformat(), f"{moment:%Y-%m-%dT%H:%M:%SZ}", seconds, seconds * 1000):
            body = {"id": "some-job", "status": "Ready", "timestamp": stamp}
            assert receiver.post(body, {"X-Webhook-Secret": SECRET}) == 401
        assert world.runs == []
        assert f"sent at {moment:%Y-%m-%d %H:%M:%S} UTC, and the clock of this machine says 20" in caplog.text
        fine: list[Any] = [now().isoformat(), now().timestamp(), "yesterday", None, [], True, 1e400]
        for number in fine:
            body = {"id": "some-job", "status": "Ready", "timestamp": number}
            assert receiver.post(json.dumps(body).encode(), {"X-Webhook-Secret": SECRET}) == 200


@only_segmind
@pytest.mark.parametrize(
    ("raised", "status", "logged"),
    [
        (
            ProviderUnavailable("no public keys", provider="segmind"),
            503,
            "segmind.default: a call cannot be verified right now: ",
        ),
        (KeyError("keys"), 500, "segmind.default: a call could not be verified: KeyError: 'keys'"),
    ],
)
def test_call_that_cannot_be_verified_is_logged_and_makes_no_sensor_run(
    world: World, raised: Exception, status: int, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    def verify(*_: object) -> bool:
        raise raised

    with receiving(replace(world, verify=verify)) as receiver:
        assert receiver.post({}) == status
    assert world.runs == []
    assert logged in caplog.text


@only_segmind
def test_log_holds_neither_a_secret_nor_a_claim(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world = with_secret(world)
    key = world.emulator.api_key
    url = "https://x/y?Signature=abcd"
    claims = {"status": "AVAILABLE", "trained_model_url": url, "id": "job", "api_key": key}
    with caplog.at_level(logging.DEBUG), receiving(world) as receiver:
        receiver.post(claims)
        receiver.post(claims, {"X-Webhook-Secret": SECRET})
        receiver.post(claims, {"X-Webhook-Secret": "wrong"}, path=PATH[:-1])
    assert "segmind.default: call accepted" in caplog.text
    ours = "\n".join(record.getMessage() for record in caplog.records if "urllib3" not in record.name)
    for secret in (PATH, PATH[:-1], SECRET, key, "Signature", "AVAILABLE"):
        assert secret not in ours
    assert SECRET not in repr(world.account)
    assert PATH not in repr(world.account)
