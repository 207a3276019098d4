"""No answer takes more memory or time than it should, whatever it says of itself."""

from __future__ import annotations

import gzip
import itertools
import socket
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from tests.http.speaking import Reply, saying, speaking
from tuneloop.clock import Deadline
from tuneloop.errors import ProviderUnavailable, RequestRejected, UnexpectedResponse
from tuneloop.http.bodies import StreamingJsonBody
from tuneloop.http.retries import RequestPolicy
from tuneloop.http.transport import RequestNotSent, Transport
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.errors import map_error

KEY = "SG_0123456789abcdef"
BOMB = gzip.compress(bytes(400 << 20), 9)
"""400 MiB in as many KiB."""


@pytest.fixture
def memory() -> Iterator[None]:
    """Fails where more than 80 MiB were taken at once."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 80 << 20


def provider(url: str, policy: RequestPolicy | None = None) -> SegmindProvider:
    return SegmindProvider(KEY, base_url=url, policy=policy or RequestPolicy(tries=1))


def endless(head: str, piece: bytes) -> Reply:
    def reply(connection: socket.socket) -> None:
        connection.sendall(head.encode())
        for _ in itertools.repeat(None):
            connection.sendall(piece)

    return reply


def dripping(start: bytes, piece: bytes) -> Reply:
    """A server that is never done, and never silent for long."""

    def reply(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in itertools.repeat(None):
            connection.sendall(piece)
            time.sleep(0.02)

    return reply


REFUSALS = ["404 No\r\nX-None: 0", "302 There\r\nLocation: /there", "400 No\r\nContent-Type: application/json"]


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("status", REFUSALS)
def test_refusal_that_unpacks_to_much_is_a_refusal_and_takes_no_memory(status: str) -> None:
    with speaking(saying(status, BOMB, "Content-Encoding: gzip")) as server:
        transport = Transport("the dataset's server", server.url, None, map_error)
        with pytest.raises(RequestRejected):
            transport.get(server.url)
        with pytest.raises(RequestRejected), transport.open_response(server.url, {}):
            pytest.fail("it was refused")


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("head", ["Content-Length: 999999999999", "X-None: 0"])
def test_refusal_without_an_end_is_a_refusal(status: str, head: str) -> None:
    reply = endless(f"HTTP/1.1 {status}\r\n{head}\r\n\r\n", bytes(65536))
    with speaking(reply) as server, pytest.raises(RequestRejected):
        provider(server.url).list_jobs()


@pytest.mark.usefixtures("memory")
def test_list_that_unpacks_to_much_is_refused_by_the_name_of_its_packing() -> None:
    with (
        speaking(saying("200 OK", BOMB, "Content-Encoding: gzip")) as server,
        pytest.raises(UnexpectedResponse, match=r"gzip.*larger than 32 MiB"),
    ):
        provider(server.url).list_jobs()


@pytest.mark.usefixtures("memory")
def test_list_without_an_end_is_refused() -> None:
    with (
        speaking(endless("HTTP/1.1 200 OK\r\n\r\n", bytes(1 << 20))) as server,
        pytest.raises(UnexpectedResponse, match="larger than 32 MiB"),
    ):
        provider(server.url).list_jobs()


@pytest.mark.parametrize(
    ("encoding", "body", "said"),
    [
        ("br", b"\x0b\x02\x80[]\x03", "'br'"),
        ("zstd", b"(\xb5/\xfd", "'zstd'"),
        ("gzip, gzip", gzip.compress(b"[]", mtime=0), "'gzip, gzip'"),
        ("gzip", b"\x1f\x8bno gzip after all", "gzip"),
        ("gzip", gzip.compress(b"[" + b" " * 9999 + b"]", mtime=0)[:-9], "gzip"),
    ],
)
def test_packing_that_cannot_be_undone_is_named(encoding: str, body: bytes, said: str) -> None:
    with (
        speaking(saying("200 OK", body, f"Content-Encoding: {encoding}")) as server,
        pytest.raises(UnexpectedResponse, match=f"{said}.*Content-Encoding.*status 200"),
    ):
        provider(server.url).list_jobs()


@pytest.mark.parametrize("body", [gzip.compress(b"[]"), b"[]"], ids=["packed", "unpacked on the way"])
def test_gzip_is_read_also_where_only_its_header_is_left(body: bytes) -> None:
    with speaking(saying("200 OK", body, "Content-Encoding: gzip")) as server:
        assert provider(server.url).list_jobs().jobs == ()


DRIPS = {
    "head": (b"HTTP/1.1 200 OK\r\n", b"X-More: 1"),
    "header lines": (b"HTTP/1.1 200 OK\r\nX-A: ", b"a"),
    "further heads": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n[", b" "),
    "body without a length": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[", b" "),
    "chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n", b" "),
    "size of a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
    "refusal": (b"HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n", b" "),
}


@pytest.mark.parametrize("where", list(DRIPS))
def test_answer_that_drips_ends_wherever_it_drips(where: str) -> None:
    with (
        speaking(dripping(*DRIPS[where])) as server,
        pytest.raises(ProviderUnavailable, match=r"did not respond in full within 0\.3 s"),
    ):
        provider(server.url, RequestPolicy(tries=1, response_s=0.3)).list_jobs()


def test_submit_whose_answer_drips_is_in_doubt_and_sent_once() -> None:
    with speaking(dripping(*DRIPS["body"])) as server:
        transport = Transport(
            "segmind", server.url, ("x-api-key", "", KEY), map_error, RequestPolicy(response_s=0.3)
        )
        with pytest.raises(ProviderUnavailable) as caught:
            transport.post_once("/submit", StreamingJsonBody.of({}), Deadline(60))
        assert not isinstance(caught.value, RequestNotSent)
        assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"[" + b"9" * 5000 + b"]"])
def test_json_that_breaks_the_reader_is_an_error_of_ours(body: bytes) -> None:
    with speaking(saying("200 OK", body)) as server, pytest.raises(UnexpectedResponse, match="should be JSON"):
        provider(server.url).list_jobs()


@pytest.mark.parametrize(
    "date",
    ["Mon, 01 Jan 0001 00:00:00 -0000", "Fri, 31 Dec 9999 23:59:59 -0000", "Mon, 99 Foo 1 1:1", "9" * 5000],
)
def test_odd_date_of_an_answer_is_no_reason_to_stop(date: str) -> None:
    with speaking(saying("200 OK", b"[]", f"Date: {date}")) as server:
        assert provider(server.url).list_jobs().jobs == ()
