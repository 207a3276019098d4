"""Redirects on the way to a zip: followed where only we fetch, each address by the rules of the first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.datasets.sources.zips import contents_of, open_and_close, zipped
from tuneloop.datasets.sources.opening import open_source
from tuneloop.errors import DatasetError, ProviderUnavailable, RequestRejected
from tuneloop.http.public_file import PublicFile
from tuneloop.http.response import StreamedResponse

ZIP = zipped({"a.png": b"x"})
SIGNED = "/signed.zip?X-Amz-Signature=hunter2"


class Site:
    """Servers on one socket, under the names localhost and 127.0.0.1."""

    def __init__(self) -> None:
        self.leads: dict[str, tuple[int, str]] = {"/cats.zip": (302, SIGNED)}
        self.head_status = 200
        self.length = True
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/cats.zip"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("TUNELOOP_ALLOW_PRIVATE_ADDRESSES", "true")
    made = Site()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            made.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            status, location = made.leads.get(self.path, (200, ""))
            self.send_response(made.head_status if self.command == "HEAD" and status == 200 else status)
            if location:
                self.send_header("Location", location)
            if made.length:
                self.send_header("Content-Length", str(len(ZIP) if status == 200 else 0))
            self.end_headers()
            if self.command == "GET" and status == 200:
                self.wfile.write(ZIP)

        do_GET = do_HEAD = answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_followed_where_only_we_fetch_and_the_address_given_is_the_label(
    site: Site, status: int
) -> None:
    site.leads["/cats.zip"] = (status, SIGNED)
    with open_source(site.url) as source:
        assert contents_of(source.folder) == {"a.png": b"x"}
        assert (source.label, source.public) == (site.url, None)
    assert [path for _, path, _ in site.seen] == ["/cats.zip", SIGNED]


def test_several_redirects_to_other_hosts_are_followed_without_a_head(site: Site) -> None:
    site.leads = {
        "/cats.zip": (302, f"http://localhost:{site.port}/b"),
        "/b": (307, f"//127.0.0.1:{site.port}/c"),
        "/c": (308, "d.zip"),
    }
    site.head_status, site.length = 405, False
    open_and_close(site.url)
    assert [(method, path) for method, path, _ in site.seen] == [
        ("GET", "/cats.zip"),
        ("GET", "/b"),
        ("GET", "/c"),
        ("GET", "/d.zip"),
    ]


def test_redirect_is_not_followed_where_the_provider_fetches_and_the_way_out_is_said(site: Site) -> None:
    with pytest.raises(
        RequestRejected, match=r"answers 302, which leads elsewhere; .* name the file: it is uploaded"
    ):
        open_and_close(site.url, provider_fetches=True)
    assert [path for _, path, _ in site.seen] == ["/cats.zip"]


def test_server_that_takes_no_head_is_said_to_where_the_provider_needs_it(site: Site) -> None:
    site.leads, site.head_status = {}, 405
    with pytest.raises(RequestRejected, match=r"answers 405: it does not take the requests of a provider"):
        open_and_close(site.url, provider_fetches=True)
    open_and_close(site.url)


def test_redirect_into_a_private_network_is_refused_before_anything_is_sent_there(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuneloop.http.public_file.check_host", _knows(site.port))
    monkeypatch.setattr("tuneloop.http.transport.check_peers", lambda _: None)
    monkeypatch.delenv("TUNELOOP_ALLOW_PRIVATE_ADDRESSES")
    site.leads["/cats.zip"] = (302, f"http://localhost:{site.port}/latest/meta-data.zip")
    with pytest.raises(DatasetError, match="localhost is private"):
        open_and_close(site.url)
    assert [path for _, path, _ in site.seen] == ["/cats.zip"]


def _knows(_: int) -> Callable[[str], None]:
    def check(host: str) -> None:
        if host == "localhost":
            raise DatasetError("localhost is private")

    return check


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("file:///etc/passwd", "not plain https"),
        ("ftp://example.invalid/a.zip", "not plain https"),
        ("http://user:hunter2@127.0.0.1/a.zip", "not plain https"),
        ("https://", "not plain https"),
        ("http://[::/", "a malformed address"),
        ("/cats.zip", "redirects more than 8 times"),
    ],
)
def test_redirect_to_where_we_do_not_go_is_refused_without_showing_it(
    site: Site, location: str, reason: str
) -> None:
    site.leads["/cats.zip"] = (302, location)
    with pytest.raises(DatasetError, match=reason) as caught:
        open_and_close(site.url)
    assert "hunter2" not in str(caught.value)
    assert "passwd" not in str(caught.value)


def test_https_never_leads_to_http() -> None:
    answer = StreamedResponse(302, {"location": "http://93.184.215.14/a.zip"}, iter(()))
    with pytest.raises(DatasetError, match="not plain https"):
        PublicFile("https://93.184.215.14/a.zip")._next("https://93.184.215.14/a.zip", answer)


def test_signed_address_at_the_end_is_shown_nowhere(site: Site) -> None:
    site.leads[SIGNED] = (403, "")
    with pytest.raises(RequestRejected, match="answers 403: it is not public") as caught:
        open_and_close(site.url)
    assert "hunter2" not in str(caught.value)
    site.leads["/cats.zip"] = (302, "http://127.0.0.1:9/a.zip?sig=hunter2")
    with pytest.raises(ProviderUnavailable) as failed:
        open_and_close(site.url)
    assert "hunter2" not in str(failed.value)
