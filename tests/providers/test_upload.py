"""The dataset's way into a presigned address: whatever breaks, identical bytes at a new one, or a clear reason."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from tuneloop.errors import (
    PresignedUrlExpired,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnexpectedResponse,
)
from tuneloop.http import transport
from tuneloop.http.retries import RequestPolicy
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.errors import map_error

SECRET = "0123456789abcdef"
KEY = "SG_0123456789abcdef"
MIDDLE = 2_000_000


class Zip:
    """Bytes that no kernel takes into its buffers at once."""

    size_bytes = 40 << 20

    def chunks(self) -> Iterator[bytes]:
        drawn = random.Random(4)  # noqa: S311 - the same bytes each time
        piece = drawn.randbytes(1 << 18)
        for number in range(self.size_bytes >> 18):
            yield number.to_bytes(4, "big") + piece[4:]

    def url(self) -> str | None:
        return None


Ending = int | tuple[int, str]
"""How a PUT ends: cut after so many bytes, or answered with a status and S3's code after `MIDDLE` bytes."""


@dataclass
class Storage:
    """A provider with a storage of its own."""

    url: str = ""
    endings: list[Ending] = field(default_factory=list)
    """How the next PUTs end; each further one succeeds."""
    addresses: int = 0
    """How many presigned addresses were asked for."""
    bodies: list[bytes] = field(default_factory=list)
    """What came of each PUT."""
    keys: list[str | None] = field(default_factory=list)
    """The API key that came with each PUT."""
    stands_still_s: float = 0.0
    """How long a PUT that succeeds is not read on, once `MIDDLE` bytes of it have come."""
    head: int = 200
    """Status of the answer to whoever asks how large the zip is; with 0 the line is cut."""
    length: str | None = "whole"
    """The length in that answer; by default that of what came."""
    refuses: int | None = None
    """Status of the answer to whoever asks for an address."""


class StorageHandler(BaseHTTPRequestHandler):
    storage: ClassVar[Storage]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.storage.addresses += 1
        address = f"{self.storage.url}/s3/zip"
        signed = f"{address}?X-Amz-Signature={SECRET}{self.storage.addresses}"
        self.answer(self.storage.refuses or 200, json.dumps({"presigned_url": signed, "s3_url": address}))

    def do_HEAD(self) -> None:
        self.close_connection = not self.storage.head
        if not self.storage.head:
            return
        self.send_response(self.storage.head)
        if self.storage.length is not None:
            whole = self.storage.length == "whole"
            self.send_header("Content-Length", str(len(self.storage.bodies[-1])) if whole else self.storage.length)
        self.end_headers()

    def do_PUT(self) -> None:
        ending = self.storage.endings.pop(0) if self.storage.endings else None
        whole = int(self.headers["Content-Length"])
        wanted = whole if ending is None else ending if isinstance(ending, int) else MIDDLE
        begun = self.rfile.read(min(wanted, MIDDLE))
        time.sleep(self.storage.stands_still_s)
        self.storage.bodies.append(begun + self.rfile.read(wanted - len(begun)))
        self.storage.keys.append(self.headers.get("x-api-key"))
        if isinstance(ending, tuple):
            self.answer(ending[0], f"<Error><Code>{ending[1]}</Code><Message>Why.</Message></Error>")
        elif ending is None:
            self.answer(200, "")
        self.close_connection = ending is not None

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


@contextmanager
def running() -> Iterator[Storage]:
    storage = Storage()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (StorageHandler,), {"storage": storage}))
    storage.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield storage
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def storage() -> Iterator[Storage]:
    with running() as started:
        yield started


@pytest.fixture
def upload(storage: Storage) -> Callable[[], None]:
    provider = SegmindProvider(KEY, base_url=storage.url)
    return lambda: (
        None if provider.deliver("a-name", Zip()).size_bytes == Zip.size_bytes else pytest.fail("another size")
    )


def test_connection_that_breaks_anywhere_is_followed_by_identical_bytes_at_a_new_address(
    storage: Storage, upload: Callable[[], None]
) -> None:
    whole = b"".join(Zip().chunks())
    drawn = random.Random(6)  # noqa: S311 - the same cuts each time
    for cut in (0, 1, *(drawn.randrange(len(whole)) for _ in range(4)), len(whole) - 1):
        storage.endings, storage.addresses = [cut], 0
        storage.bodies.clear()
        upload()
        assert storage.bodies == [whole[:cut], whole]
        assert storage.addresses == 2


@pytest.mark.parametrize(
    "ending",
    [
        (403, "AccessDenied"),
        (400, "ExpiredToken"),
        (400, "RequestTimeout"),
        (500, "InternalError"),
        (503, "SlowDown"),
    ],
)
def test_refusal_in_the_middle_that_may_pass_is_followed_by_identical_bytes(
    storage: Storage, upload: Callable[[], None], ending: tuple[int, str]
) -> None:
    storage.endings = [ending]
    upload()
    assert storage.bodies[-1] == b"".join(Zip().chunks())
    assert storage.addresses == 2


@pytest.mark.parametrize(
    ("ending", "kind", "tries"),
    [
        ((403, "AccessDenied"), PresignedUrlExpired, 3),
        ((400, "RequestTimeout"), ProviderUnavailable, 3),
        ((400, "EntityTooLarge"), RequestRejected, 1),
        ((411, "MissingContentLength"), RequestRejected, 1),
        ((501, "NotImplemented"), ProviderUnavailable, 3),
        ((307, "TemporaryRedirect"), RequestRejected, 1),
    ],
)
def test_refusal_is_told_with_its_reason_and_without_a_secret(
    storage: Storage,
    upload: Callable[[], None],
    ending: tuple[int, str],
    kind: type[ProviderError],
    tries: int,
) -> None:
    storage.endings = [ending] * 9
    with pytest.raises(kind, match=f"status {ending[0]}.*{ending[1]}") as caught:
        upload()
    assert type(caught.value) is kind
    assert len(storage.bodies) == tries
    assert SECRET not in str(caught.value)
    assert KEY not in str(caught.value)


def test_storage_that_cannot_be_reached_is_named_and_not_the_api_nor_the_address() -> None:
    to_api = transport.Transport("segmind", "https://api.example", ("x-api-key", "", KEY), map_error)
    with pytest.raises(ProviderUnavailable, match=r"network and 127\.0\.0\.1:9, then run again") as caught:
        to_api.put_stream(f"http://127.0.0.1:9/zip?X-Amz-Signature={SECRET}", [b"x"], 1)
    assert SECRET not in str(caught.value)


def test_line_that_stands_still_for_longer_than_connecting_may_take_is_waited_for(storage: Storage) -> None:
    storage.stands_still_s = 1.0
    SegmindProvider(KEY, base_url=storage.url, policy=RequestPolicy(connect_s=0.2)).deliver("a-name", Zip())
    assert len(storage.bodies) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 500, 501])
def test_storage_that_does_not_tell_the_size_has_taken_the_zip(
    storage: Storage, upload: Callable[[], None], status: int
) -> None:
    storage.head = status
    upload()
    assert storage.addresses == 1


def test_storage_that_shows_no_length_has_taken_the_zip(storage: Storage, upload: Callable[[], None]) -> None:
    storage.length = None
    upload()
    assert storage.addresses == 1


def test_storage_that_cuts_the_question_has_taken_the_zip(storage: Storage, upload: Callable[[], None]) -> None:
    storage.head = 0
    upload()
    assert (storage.addresses, len(storage.bodies)) == (1, 1)


def test_another_length_than_was_sent_stops_the_upload(storage: Storage, upload: Callable[[], None]) -> None:
    storage.length = "7"
    with pytest.raises(UnexpectedResponse, match="bytes and has 7; run again"):
        upload()


def test_key_never_leaves_for_the_storage(storage: Storage, upload: Callable[[], None]) -> None:
    upload()
    assert storage.keys == [None]


def test_rate_limit_is_not_answered_with_more_requests(storage: Storage, upload: Callable[[], None]) -> None:
    storage.refuses = 429
    with pytest.raises(RateLimited):
        upload()
    assert storage.addresses == 1
