"""Whatever breaks, a paid request leaves once."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.speaking import Reply, Spoken, saying, speaking, write_certificate
from tuneloop.clock import Deadline
from tuneloop.errors import ConfigurationError, ProviderError, ProviderUnavailable
from tuneloop.http.bodies import StreamingJsonBody
from tuneloop.http.retries import TICK_POLICY, RequestPolicy
from tuneloop.http.transport import RequestNotSent, Transport
from tuneloop.providers.base import TrainedModel
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.errors import map_error
from tuneloop.providers.segmind.recipes import FluxDevRender
from tuneloop.schemas.training import Submission

KEY = "SG_0123456789abcdef"


def break_the_records(connection: socket.socket) -> None:
    """Bytes that are no TLS record, on a connection that speaks TLS."""
    socket.socket.sendall(connection, b"\x15no record at all" * 4)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.fixture
def broken_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spoken]:
    certificate = write_certificate(tmp_path / "server.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with speaking(break_the_records, certificate) as server:
        yield server


def render(url: str) -> None:
    SegmindProvider(KEY, base_url=url).render(
        TrainedModel(Submission(job_id="an id")), "ROBOX", 7, FluxDevRender()
    )


def test_image_is_asked_for_once_when_tls_breaks_after_the_request(broken_tls: Spoken) -> None:
    with pytest.raises(ProviderUnavailable, match="TLS"):
        render(broken_tls.url)
    assert len(broken_tls.requests) == 1


def test_submit_over_tls_that_breaks_is_sent_once_and_stays_in_doubt(broken_tls: Spoken) -> None:
    transport = Transport("segmind", broken_tls.url, ("x-api-key", "", KEY), map_error)
    with pytest.raises(ProviderUnavailable) as caught:
        transport.post_once("/submit", StreamingJsonBody.of({"name": "n"}), Deadline(60))
    assert not isinstance(caught.value, RequestNotSent)
    assert len(broken_tls.requests) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "reply",
    [
        reset,
        lambda connection: connection.sendall(b"HTTP/1.1 2"),
        lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"),
        lambda connection: connection.sendall(b"no HTTP\r\n\r\n"),
        saying("503 Busy", b"", "Retry-After: 0"),
        saying("429 Slow", b"", "Retry-After: 0"),
        saying("413 Large", b"", "Retry-After: 0"),
        saying("307 There", b"", "Location: /again"),
        saying("308 There", b"", "Location: /again"),
        saying("401 Who", b"", 'WWW-Authenticate: Basic realm="x"'),
    ],
    ids=["reset", "head cut", "body cut", "no http", "503", "429", "413", "307", "308", "401"],
)
def test_whatever_changes_something_leaves_once_however_it_ends(method: str, reply: Reply) -> None:
    with speaking(reply) as server:
        transport = Transport("segmind", server.url, ("x-api-key", "", KEY), map_error)
        with pytest.raises(ProviderError):
            transport.call(method, "/paid", json={"prompt": "x"})
        assert len(server.requests) == 1


def test_list_is_asked_for_again_when_tls_breaks_and_by_a_tick_once(broken_tls: Spoken) -> None:
    with pytest.raises(ProviderUnavailable):
        SegmindProvider(KEY, base_url=broken_tls.url, policy=RequestPolicy(tries=3)).list_jobs()
    assert len(broken_tls.requests) == 3
    with pytest.raises(ProviderUnavailable):
        SegmindProvider(KEY, base_url=broken_tls.url, policy=TICK_POLICY).list_jobs()
    assert len(broken_tls.requests) == 4


def test_certificate_that_nobody_trusts_is_named_and_no_request_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    with speaking(saying("200 OK", b"[]"), write_certificate(tmp_path / "server.pem")) as server:
        with pytest.raises(ConfigurationError, match=r"certificate of 127\.0\.0\.1 is not trusted.*REQUESTS_CA"):
            SegmindProvider(KEY, base_url=server.url).list_jobs()
        transport = Transport("segmind", server.url, ("x-api-key", "", KEY), map_error)
        with pytest.raises(RequestNotSent, match="not trusted"):
            transport.post_once("/submit", StreamingJsonBody.of({}), Deadline(60))
        assert server.requests == []


def test_key_is_checked_and_redacted_without_its_scheme_and_other_headers_go_beside_it() -> None:
    with speaking(saying("200 OK", b"key " + KEY.encode())) as server:
        transport = Transport("fal", server.url, ("Authorization", "Key", f" {KEY} "), map_error)
        transport.call("GET", "/list", headers={"X-Page": "2"})
        transport.post_once("/submit", StreamingJsonBody.of({}), Deadline(60), {"X-No-Retry": "1"})
        transport.put_stream(f"{server.url}/zip", [b"x"], 1, {"Content-Type": "application/zip"})
    listed, posted, put = server.requests
    assert f"Authorization: Key {KEY}".encode() in listed
    assert b"X-Page: 2" in listed
    assert f"Authorization: Key {KEY}".encode() in posted
    assert b"X-No-Retry: 1" in posted
    assert b"Content-Type: application/zip" in put
    assert KEY.encode() not in put
