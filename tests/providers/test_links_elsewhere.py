"""Weights and images that lie where nobody expected them: they are paid for, so that the way out is named."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.http.speaking import saying, speaking
from tuneloop.errors import UnexpectedResponse
from tuneloop.providers.base import TrainedModel
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxDevRender
from tuneloop.schemas.training import Submission

KEY = "SG_0123456789abcdef"
JPEG = b"\xff\xd8\xff" + bytes(600)
B64 = base64.b64encode(JPEG)
DETAILS = {"finetune": {"id": "j", "name": "n", "status": "AVAILABLE", "cloud_storage_url": "https://x/w"}}


@contextmanager
def segmind(
    link: bytes, image: tuple[bytes, str] = (b"", ""), hosts: tuple[str, ...] = ()
) -> Iterator[SegmindProvider]:
    def reply(connection: Any) -> None:
        route = server.requests[-1].split(b" ")[1]
        body = json.dumps(DETAILS).encode() if b"details" in route else link
        if b"flux-dev" in route:
            body = image[0]
        elif route in {b"/weights", b"/a.jpg"}:
            body = JPEG
        saying("200 OK", body.replace(b"OWN", server.url.encode()), f"Content-Type: {image[1]}")(connection)

    with speaking(reply) as server:
        yield SegmindProvider(KEY, base_url=server.url, storage_hosts=hosts)


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example.com/w?sig=hunter2",
        "http://bucket.s3.amazonaws.com/w",
        "https://user@bucket.s3.amazonaws.com/w",
        "https://bucket.s3.amazonaws.com:8443/w",
        "https://s3.amazonaws.com.example.com/w",
        "https://evil-segmind.com/w",
        "https://[::1/w",
    ],
)
def test_link_to_another_host_is_not_followed_and_the_remedy_is_named(url: str) -> None:
    with (
        segmind(url.encode()) as provider,
        pytest.raises(UnexpectedResponse, match="link to the weights") as caught,
    ):
        provider.open_weights(Submission(job_id="j"))[-1]
    assert "hunter2" not in str(caught.value)
    if "cdn" in url:
        assert "points to cdn.example.com" in str(caught.value)
        assert "storage_hosts of the credentials block" in str(caught.value)


@pytest.mark.parametrize(
    "body", [{"error": "expired"}, {"url": ""}, [], {"a": "https://x/1", "b": "https://x/2"}, "", "<html>", None]
)
def test_answer_that_is_no_link_is_shown_and_not_called_a_foreign_host(body: Any) -> None:
    said = r"should be the link to the weights and is not.*status 200"
    with segmind(json.dumps(body).encode()) as provider, pytest.raises(UnexpectedResponse, match=said):
        provider.open_weights(Submission(job_id="j"))[-1]


@pytest.mark.parametrize("link", [b"OWN/weights", b'"OWN/weights"', b' {"url": "OWN/weights"}\n'])
def test_link_is_found_however_it_is_wrapped(link: bytes) -> None:
    with segmind(link) as provider:
        source = provider.open_weights(Submission(job_id="j"))[-1]
        assert source.size_bytes == len(JPEG)


@pytest.mark.parametrize(
    "host",
    ["cdn.example.com", "bucket.s3.amazonaws.com", "b.s3.us-west-2.amazonaws.com", "s3.us-west-2.amazonaws.com",
     "b.s3-accelerate.amazonaws.com", "b.s3.dualstack.eu-west-1.amazonaws.com", "images.segmind.com"],
)  # fmt: skip
def test_known_and_added_hosts_are_followed(host: str) -> None:
    with segmind(b"", hosts=("cdn.example.com",)) as provider:
        answer = provider._transport.call("GET", "/x")
        provider._hosts.check(f"https://{host}/w", "link", answer)


IMAGES = {
    "bytes as text": (JPEG, "text/plain"),
    "bytes as json": (JPEG, "application/json"),
    "url as text": (b"OWN/a.jpg\n", "text/plain"),
    "url as json": (b'"OWN/a.jpg"', "text/html"),
    "image_url": (b'{"image_url": "OWN/a.jpg"}', "text/json"),
    "output_url": (b'{"output_url": "OWN/a.jpg"}', "application/json"),
    "nested": (b'{"result": {"images": [{"image_url": "OWN/a.jpg"}]}}', "text/html"),
    "media_url": (b'{"media_url": "OWN/a.jpg"}', "application/json"),
    "b64_json": (b'{"data": [{"b64_json": "%b"}]}' % B64, "application/json"),
    "base64 as text": (B64, "text/plain"),
    "base64 in lines": (b'{"image": "%b\\n%b"}' % (B64[:76], B64[76:]), "text/json"),
    "a place that nobody knows": (b'{"seed": 7, "made": {"as": ["OWN/a.jpg"]}}', "text/json"),
    "base64 in such a place, beside an address": (b'{"see": "https://x/y", "made": "%b"}' % B64, "text/json"),
}


@pytest.mark.parametrize("answer", list(IMAGES))
def test_image_that_was_paid_is_found_under_any_type(answer: str) -> None:
    with segmind(b"", IMAGES[answer]) as provider:
        assert provider.render(TrainedModel(Submission(job_id="j")), "x", 7, FluxDevRender()).data == JPEG


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"error": "no"}', b"[" * 100_000, b'{"a": "https://x/1", "b": "https://x/2"}']
)
def test_answer_without_a_image_is_unexpected(body: bytes) -> None:
    with segmind(b"", (body, "text/html")) as provider, pytest.raises(UnexpectedResponse, match="no image"):
        provider.render(TrainedModel(Submission(job_id="j")), "x", 7, FluxDevRender())
