"""What a server of files answers, and what of it is taken."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.http.speaking import saying, speaking
from tests.providers.test_download import part, whole
from tuneloop.errors import ProviderUnavailable, UnexpectedResponse
from tuneloop.http.transport import Transport
from tuneloop.providers.base import SourceChanged
from tuneloop.providers.download import PresignedDownload
from tuneloop.providers.segmind.errors import map_error

Answer = tuple[int, dict[str, str], bytes]

LOOK: Answer = (206, {"ETag": '"a"', "Content-Range": "bytes 0-0/100"}, b"x")

FOUND: Answer = (206, {"ETag": '"a"', "Content-Range": "bytes 10-19/100"}, b"0123456789")


@contextmanager
def answering(*answers: Answer, versions: list[str | None] | None = None) -> Iterator[PresignedDownload]:
    """A file on a server that gives these answers, one after the other, and notes the versions asked for."""
    waiting = list(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Stay silent."""

        def do_GET(self) -> None:
            if versions is not None:
                versions.append(self.headers.get("If-Range"))
            status, headers, body = waiting.pop(0)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        yield PresignedDownload(
            Transport("segmind", url, ("x-api-key", "", "key"), map_error), lambda: f"{url}/file"
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_key_goes_to_the_apis_own_host_and_to_no_other() -> None:
    with speaking(saying("200 OK", b"weights")) as own, speaking(saying("200 OK", b"weights")) as other:
        transport = Transport("replicate", own.url, ("Authorization", "Bearer", "the-key"), map_error)
        for with_key in (True, False):
            for server in (own, other):
                PresignedDownload(transport, f"{server.url}/file".__str__, with_key=with_key)
                transport.image(f"{server.url}/image", with_key=with_key)
    assert ["the-key" in request.decode() for request in own.requests] == [True, True, False, False]
    assert ["the-key" in request.decode() for request in other.requests] == [False] * 4


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"ETag": '"b"'}, b"y" * 100),
        (206, {"ETag": '"b"', "Content-Range": "bytes 10-19/100"}, b"y" * 10),
        (206, {"ETag": '"a"', "Content-Range": "bytes 10-19/101"}, b"y" * 10),
        (416, {"Content-Range": "bytes */5"}, b""),
    ],
    ids=["whole file", "other ETag", "other size", "no such range"],
)
def test_file_that_changed_is_said_to_have_changed(answer: Answer) -> None:
    with answering(LOOK, answer) as file, pytest.raises(SourceChanged, match="downloaded again"):
        part(file.source, 10, 20)


@pytest.mark.parametrize(
    "content_range", [{}, {"Content-Range": "bytes 11-19/100"}, {"Content-Range": "bytes 10-20/100"}]
)
def test_bytes_that_were_not_asked_for_are_refused(content_range: dict[str, str]) -> None:
    answer = (206, {"ETag": '"a"', **content_range}, b"y" * 10)
    with answering(LOOK, answer) as file, pytest.raises(UnexpectedResponse, match="10 to 19 were requested"):
        part(file.source, 10, 20)


def test_less_than_was_asked_for_is_taken_and_the_rest_asked_for() -> None:
    first = (206, {"ETag": '"a"', "Content-Range": "bytes 10-14/100"}, b"01234")
    second = (206, {"Content-Range": "bytes 15-19/100"}, b"56789")
    with answering(LOOK, first, second) as file:
        assert part(file.source, 10, 20) == b"0123456789"


def test_every_range_is_asked_of_the_version_that_was_seen_first() -> None:
    versions: list[str | None] = []
    with answering(LOOK, FOUND, versions=versions) as file:
        part(file.source, 10, 20)
    assert versions == [None, '"a"']


def test_answers_without_a_byte_are_not_asked_for_without_end() -> None:
    nothing = (206, {"ETag": '"a"', "Content-Range": "bytes 10-19/100"}, b"")
    with (
        answering(LOOK, *[nothing] * 3) as file,
        pytest.raises(ProviderUnavailable, match="no bytes arrived"),
    ):
        part(file.source, 10, 20)


def test_refusal_that_is_cut_is_no_other_error() -> None:
    cut: Answer = (500, {"Content-Length": "99", "Connection": "close"}, b"<Error>")
    with answering(LOOK, *[cut] * 4, FOUND) as file:
        assert part(file.source, 10, 20) == b"0123456789"


def test_link_that_ends_with_the_keys_that_signed_it_is_asked_for_anew() -> None:
    over: Answer = (400, {}, b"<Error><Code>ExpiredToken</Code><Message>It has expired.</Message></Error>")
    with answering(LOOK, over, FOUND) as file:
        assert part(file.source, 10, 20) == b"0123456789"


@pytest.mark.parametrize(
    "look",
    [
        (206, {"ETag": 'W/"a"', "Content-Range": "bytes 0-0/3"}, b"x"),
        (206, {"ETag": '"a"', "Content-Range": "bytes 0-0/*"}, b"x"),
        (200, {"ETag": '"a"'}, b"xyz"),
        (416, {"Content-Range": "bytes */0"}, b""),
    ],
    ids=["weak ETag", "unknown size", "no ranges", "empty"],
)
def test_what_is_not_sure_to_be_one_file_is_not_read_by_range(look: Answer) -> None:
    with answering(look, (200, {}, b"xyz")) as file:
        source = file.source
        assert source.etag is None
        assert whole(source) == b"xyz"


def test_file_that_comes_packed_is_refused_by_the_name_of_its_packing() -> None:
    packed = (200, {"Content-Encoding": "gzip"}, gzip.compress(b"weights"))
    with answering(packed, packed) as file, pytest.raises(UnexpectedResponse, match="encoded as gzip"):
        whole(file.source)
    unpacked_on_the_way = (200, {"Content-Encoding": "gzip"}, b"weights")
    with answering(unpacked_on_the_way, unpacked_on_the_way) as file:
        assert whole(file.source) == b"weights"


@pytest.mark.parametrize("size", ["9" * 5000, "7, 7", "-1", "seven"])
def test_length_that_is_no_length_is_none(size: str) -> None:
    with answering((200, {"Content-Length": size, "Connection": "close"}, b"weights")) as file:
        assert file.source.size_bytes is None
    odd_range = (206, {"ETag": '"a"', "Content-Range": f"bytes 0-0/{size}"}, b"x")
    with answering(odd_range) as file:
        assert file.source.size_bytes is None
