"""BFL's client: its body, its errors, and what the documented exchanges say."""

from __future__ import annotations

import base64
import json
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.exchanges import Exchange, exchange, exchanges
from tests.wire.replay import replaying
from tuneloop.clock import Deadline, now
from tuneloop.errors import (
    AuthenticationFailed,
    InsufficientCredits,
    NotFoundAtProvider,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnexpectedResponse,
)
from tuneloop.http.response import Response
from tuneloop.providers.base import DeliveredDataset
from tuneloop.providers.bfl.body import finetune_body
from tuneloop.providers.bfl.client import BflProvider
from tuneloop.providers.bfl.errors import map_error
from tuneloop.providers.bfl.recipes import BflFinetuneRecipe
from tuneloop.schemas.training import Submission

KEY = "bfl-key-of-a-test"


def answer(status: int, body: Any, **headers: str) -> Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response("bfl", status, headers, data, (KEY,))


@given(pieces=st.lists(st.binary(max_size=50), max_size=20), comment=st.text(max_size=30))
def test_body_is_the_json_it_should_be_and_as_long_as_it_said(pieces: list[bytes], comment: str) -> None:
    body = finetune_body({"finetune_comment": comment}, pieces, sum(map(len, pieces)))
    data = b"".join(body.chunks)
    assert len(data) == body.size_bytes
    document = json.loads(data)
    assert document["finetune_comment"] == comment
    assert base64.b64decode(document["file_data"], validate=True) == b"".join(pieces)


def test_body_of_a_large_zip_takes_no_more_memory_than_a_chunk() -> None:
    chunk, count = bytes(1 << 20), 100

    def zeros() -> Iterator[bytes]:
        for _ in range(count):
            yield chunk

    tracemalloc.start()
    body = finetune_body({"mode": "style"}, zeros(), count << 20)
    sent = sum(map(len, body.chunks))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sent == body.size_bytes
    assert peak < 12 << 20


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"detail": "bad"}, RequestRejected),
        (401, {"detail": "no key"}, AuthenticationFailed),
        (402, {"detail": "Insufficient credits"}, InsufficientCredits),
        (403, {"detail": "Not authenticated"}, AuthenticationFailed),
        (404, {"detail": "Not Found"}, NotFoundAtProvider),
        (410, {"error": "Gone", "message": "retired", "details": {}}, RequestRejected),
        (422, {"detail": "Finetune not found or not ready"}, NotFoundAtProvider),
        (400, {"detail": "Finetune not found or not ready"}, NotFoundAtProvider),
        (422, {"detail": [{"loc": ["body", "mode"], "msg": "Field required"}]}, RequestRejected),
        (429, {"detail": "Too many active tasks"}, RateLimited),
        (500, b"Internal Server Error", ProviderUnavailable),
        (503, b"", ProviderUnavailable),
        (302, b"", RequestRejected),
        (303, b"", UnexpectedResponse),
        (408, b"", UnexpectedResponse),
        (413, b"", RequestRejected),
    ],
)
def test_every_documented_status_is_the_error_it_means(status: int, body: Any, kind: type[ProviderError]) -> None:
    assert type(map_error(answer(status, body))) is kind


def test_echoed_zip_is_cut_out_and_the_field_stays() -> None:
    echo = {
        "loc": ["body", "file_data"],
        "msg": "Suspicious file attributes",
        "input": {"file_data": "QUJD" * 9000},
    }
    shown = str(map_error(answer(422, {"detail": [echo]})))
    assert "body.file_data: Suspicious file attributes" in shown
    assert "QUJDQUJD" not in shown
    assert len(shown) < 1000


def test_retry_after_is_read() -> None:
    error = map_error(answer(429, {}, **{"retry-after": "5"}))
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 5


@settings(max_examples=300)
@given(status=st.integers(200, 599), body=st.binary(max_size=2000))
def test_any_body_under_any_status_is_an_error_of_ours(status: int, body: bytes) -> None:
    error = map_error(answer(status, body + KEY.encode()))
    assert isinstance(error, ProviderError)
    assert KEY not in str(error)


details = st.recursive(
    st.none() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["loc", "msg", "input"]), inner),
    max_leaves=12,
)


@given(detail=details)
def test_any_detail_is_an_error_of_ours(detail: Any) -> None:
    assert isinstance(map_error(answer(422, {"detail": detail})), RequestRejected)


@pytest.mark.parametrize(
    "documented",
    [item for item in exchanges("bfl") if item.response.status >= 400],
    ids=lambda item: item.name,
)
def test_every_documented_refusal_is_an_error_of_ours_that_says_who_and_what(documented: Exchange) -> None:
    error = map_error(answer(documented.response.status, documented.response.content("")))
    assert isinstance(error, RequestRejected | ProviderUnavailable)
    assert f"provider bfl; status {documented.response.status}" in str(error)


@contextmanager
def answering(timestamp: str, word: str = "Task not found", status: int = 200) -> Iterator[str]:
    """BFL as it is when a fine-tune is known, and its result shows a word under a status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = {"finetune_details": {"finetune_comment": "n-g1", "timestamp": timestamp}}
            result = {"id": "an id", "status": word, "result": None}
            details = "finetune_details" in self.path
            body = json.dumps(known if details else result).encode()
            self.send_response(200 if details else status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(("age", "phase"), [(timedelta(days=2), "ready"), (timedelta(0), "running")])
def test_only_an_old_finetune_without_a_result_counts_as_ready(age: timedelta, phase: str) -> None:
    with answering((now() - age).isoformat()) as url:
        found = BflProvider(KEY, base_url=url).get_job(Submission(job_id="an id"))
    assert (found.phase, found.by_age) == (phase, True)


@pytest.mark.parametrize("status", [200, 404, 422])
def test_state_counts_under_whichever_status_it_comes(status: int) -> None:
    with answering(now().isoformat(), "Error", status) as url:
        found = BflProvider(KEY, base_url=url).get_job(Submission(job_id="an id"))
    assert (found.phase, found.by_age, found.error_message) == ("failed", False, "BFL says Error")


def test_submit_sends_the_documented_fields_and_the_webhook_of_the_credentials() -> None:
    documented = exchange("bfl", "a training with a webhook and a third priority")
    page = documented.request.body
    recipe = BflFinetuneRecipe(mode=page["mode"], priority=page["priority"])
    dataset = DeliveredDataset(None, 3, ThreeBytes())
    with replaying(documented) as replay:
        client = BflProvider(KEY, base_url=replay.url, webhook=("https://example.invalid/hook", "a secret"))
        job_id = client.submit("0123456789abcdef-g1", recipe, dataset, Deadline(60)).job_id
    assert job_id == documented.response.body["finetune_id"]
    (received,) = replay.received
    assert received.headers["x-key"] == KEY
    sent = json.loads(received.body)
    assert sent == {
        "finetune_comment": "0123456789abcdef-g1",
        "mode": page["mode"],
        "trigger_word": "TOK",
        "iterations": 300,
        "captioning": True,
        "priority": page["priority"],
        "finetune_type": "full",
        "lora_rank": 32,
        "webhook_url": "https://example.invalid/hook",
        "webhook_secret": "a secret",
        "file_data": base64.b64encode(b"zip").decode(),
    }


class ThreeBytes:
    """An archive of three bytes."""

    size_bytes = 3

    def chunks(self) -> Iterator[bytes]:
        yield b"zip"

    def url(self) -> str | None:
        return None
