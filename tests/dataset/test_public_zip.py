from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.dataset.pictures import png_of
from tuneloop.dataset.public_zip import check_address, check_still_there, fetched
from tuneloop.errors import DatasetError, RequestRefused


class Shelf:
    """What a public server answers."""

    def __init__(self) -> None:
        self.body = b""
        self.head_length: int | None = None
        self.redirect: str | None = None


@contextmanager
def serving(shelf: Shelf) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _start(self, length: int | None) -> None:
            self.send_response(302 if shelf.redirect else 200)
            if shelf.redirect:
                self.send_header("Location", shelf.redirect)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()

        def do_HEAD(self) -> None:
            self._start(len(shelf.body) if shelf.head_length is None else shelf.head_length)

        def do_GET(self) -> None:
            self._start(len(shelf.body))
            self.wfile.write(shelf.body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/pictures.zip"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def zipped(names: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in names.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def url(shelf: Shelf) -> Iterator[str]:
    with serving(shelf) as address:
        yield address


def test_flat_zip_is_fetched_and_unpacked_without_what_systems_leave_behind(shelf: Shelf, url: str) -> None:
    shelf.body = zipped({"a.png": png_of(1), "a.txt": b"a cat", "__MACOSX/._a.png": b"x", ".DS_Store": b"x"})
    with fetched(url) as (public, folder):
        assert sorted(path.name for path in folder.iterdir()) == ["a.png", "a.txt"]
        assert public.size_bytes == len(shelf.body)
    assert not folder.exists()


def test_changed_bytes_behind_the_same_address_are_noticed(shelf: Shelf, url: str) -> None:
    shelf.body = zipped({"a.png": png_of(1)})
    with fetched(url) as (public, _):
        pass
    check_still_there(public)
    shelf.body = zipped({"a.png": png_of(1), "b.png": png_of(2)})
    with pytest.raises(DatasetError, match="has changed since it was fetched"):
        check_still_there(public)


@pytest.mark.parametrize("name", ["folder/a.png", "../a.png", "/etc/a.png", "x\\a.png"])
def test_names_that_lead_elsewhere_are_refused(shelf: Shelf, url: str, name: str) -> None:
    shelf.body = zipped({name: png_of(1)})
    with pytest.raises(DatasetError, match="zip the pictures flat"), fetched(url):
        pass


def test_what_is_no_zip_is_said_to_be_none(shelf: Shelf, url: str) -> None:
    shelf.body = b"<html>please sign in</html>"
    with pytest.raises(DatasetError, match="is no zip"), fetched(url):
        pass


def test_head_and_get_must_agree_on_the_length(shelf: Shelf, url: str) -> None:
    shelf.body = zipped({"a.png": png_of(1)})
    shelf.head_length = 5
    with pytest.raises(DatasetError, match="different lengths"), fetched(url):
        pass


def test_redirect_is_not_followed(shelf: Shelf, url: str) -> None:
    shelf.redirect = "http://127.0.0.1:9/elsewhere"
    with pytest.raises(RequestRefused, match="final address"), fetched(url):
        pass


@pytest.mark.parametrize(
    "address",
    [
        "https://user:hunter2@example.invalid/a.zip",
        "https://example.invalid/a.zip?X-Amz-Signature=hunter2",
        "https://example.invalid/a.zip?token=hunter2",
    ],
)
def test_address_with_a_secret_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(DatasetError, match="holds a secret") as caught:
        check_address(address)
    assert "hunter2" not in str(caught.value)
