"""What fal's refusals mean, and addresses that are not followed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.providers.test_fal import changed
from tests.wire.exchanges import exchange
from tests.wire.replay import replaying
from tuneloop.errors import (
    AuthenticationFailed,
    InsufficientCredits,
    NotFoundAtProvider,
    ProviderUnavailable,
    RequestRejected,
    UnexpectedResponse,
)
from tuneloop.http.response import Response
from tuneloop.providers.fal.client import FalProvider
from tuneloop.providers.fal.errors import map_error
from tuneloop.schemas.training import Submission

KEY = "fal-key-of-a-test"

FAST = "fal-ai/flux-lora-fast-training"

NAME = "0123456789abcdef-g1"


def handle(url: str) -> Submission:
    return Submission(job_id="r1", handle={"endpoint": FAST, "name": NAME, "status_url": url})


def test_address_on_another_host_is_not_followed() -> None:
    with replaying(exchange("fal", "the status of a finished training")) as replay:
        client = FalProvider(KEY, base_url=replay.url)
        for url in ("https://queue.fal.run.example.com/x/requests/r1/status", replay.url + "0/requests/r1/status"):
            with pytest.raises(UnexpectedResponse, match="not fal's queue"):
                client.get_job(handle(url))
        assert replay.received == []
        assert client.get_job(handle("https://queue.fal.run/x/requests/r1/status")).phase == "ready"
        (received,) = replay.received
        assert (received.path, received.headers["authorization"]) == ("/x/requests/r1/status", f"Key {KEY}")


def test_completed_request_with_an_error_has_failed() -> None:
    with replaying(changed("the status of a training that failed", error=f"Runner disconnected: {KEY}")) as replay:
        status = FalProvider(KEY, base_url=replay.url).get_job(handle(replay.url + "/x/requests/r1/status"))
    assert (status.phase, status.provider_status) == ("failed", "COMPLETED (runner_disconnected)")
    assert status.error_message == "Runner disconnected: …"
    assert status.name == NAME


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"detail": "bad"}, RequestRejected),
        (401, {"detail": "no key"}, AuthenticationFailed),
        (403, {"detail": "User is locked. Reason: Exhausted balance."}, InsufficientCredits),
        (403, {"detail": "not for this key"}, AuthenticationFailed),
        (404, {"detail": 'Application "x" not found'}, NotFoundAtProvider),
        (
            422,
            {"detail": [{"loc": ["body", "steps"], "msg": "too many", "type": "x", "input": 1}]},
            RequestRejected,
        ),
        (503, {"detail": "no runner", "error_type": "runner_scheduling_failure"}, ProviderUnavailable),
        (504, {"detail": "late", "error_type": "request_timeout"}, ProviderUnavailable),
    ],
)
def test_status_means(status: int, body: Any, kind: type[Exception]) -> None:
    error = map_error(Response("fal", status, {"x-fal-request-id": "r7"}, json.dumps(body).encode(), (KEY,)))
    assert type(error) is kind
    assert error.request_id == "r7"


@pytest.mark.parametrize(
    "body", ["no JSON, but {}", '{{"detail": "{}"}}', '{{"detail": [{{"loc": ["body"], "msg": "{}"}}]}}']
)
def test_key_that_a_refusal_echoes_is_not_shown(body: str) -> None:
    assert KEY not in str(map_error(Response("fal", 400, {}, body.format(KEY).encode(), (KEY,))))


def test_rejected_field_is_named_and_what_was_sent_is_not_shown() -> None:
    row = {"loc": ["body", "prompt"], "msg": "Field required", "type": "missing", "input": {"secret": "S3CRET"}}
    error = map_error(Response("fal", 422, {}, json.dumps({"detail": [row]}).encode(), ()))
    assert "body.prompt: Field required" in str(error)
    assert "S3CRET" not in str(error)
