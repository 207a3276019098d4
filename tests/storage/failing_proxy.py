"""A proxy between a client and a server, S3 or Prefect's, that fails on purpose."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Failure = Literal[
    "lose the answer", "lose the request", "answer 503", "cut the answer", "say NoSuchKey", "say Object Lock"
]

_SAID: dict[str, tuple[int, list[tuple[str, str]], bytes]] = {
    "say NoSuchKey": (404, [], b"<Error><Code>NoSuchKey</Code></Error>"),
    "say Object Lock": (
        400,
        [],
        b"<Error><Code>InvalidRequest</Code><Message>A checksum is required with Object Lock.</Message></Error>",
    ),
}


class Exchange(NamedTuple):
    """A request and the response to it, both whole."""

    request: bytes
    response: bytes
    """Nothing where there was none."""


@dataclass
class Orders:
    """What the proxy does, and what it has seen."""

    endpoint: str
    """Address of the proxy itself."""
    failures: list[tuple[str, Failure]] = field(default_factory=list)
    """Which failure meets the next request of which kind (`PUT`, `GET`, `POST`, …); each happens once."""
    broken: set[str] = field(default_factory=set)
    """Paths that are always answered with 500."""
    before: Callable[[str, str], None] | None = None
    """Called with method and path before a request is handed on."""
    access_key: str | None = None
    """Requests with another access key are refused, where there is one."""
    ahead_s: float = 0
    """How far the clock of the server is ahead of the real one."""
    forgets: set[str] = field(default_factory=set)
    """Headers of requests that the server does not know, in lower case."""
    seen: list[str] = field(default_factory=list)
    """Method and path of every request, in order."""
    exchanges: list[Exchange] | None = None
    """All that was said, where there is a list for it."""
    keys: dict[str, str] = field(default_factory=dict)
    """What is handed on in a header in place of a key; the server behind knows no other."""

    def failure_of(self, method: str) -> Failure | None:
        """Take the next failure that is ordered for this method."""
        for order in self.failures:
            if order[0] == method:
                self.failures.remove(order)
                return order[1]
        return None


@contextmanager
def failing_proxy(upstream: str) -> Iterator[Orders]:
    """Run a proxy on a free port in front of a server."""
    host = urlsplit(upstream).netloc

    class Handler(_Forwarding):
        """Forwards to this server."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    orders = Orders(f"http://127.0.0.1:{server.server_port}")
    Handler.orders, Handler.upstream = orders, host
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield orders
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Forwarding(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    orders: Orders
    upstream: str

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """What stands in the header `Date`."""
        return super().date_time_string((timestamp or time.time()) + self.orders.ahead_s)

    def forward(self) -> None:
        """Hand on one request, or fail as ordered."""
        self.orders.seen.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._request = f"{self.command} {self.path}\r\n{self.headers}".encode() + body
        self._note(b"")
        if self.orders.before:
            self.orders.before(self.command, self.path)
        wanted = self.orders.access_key
        if wanted and f"{wanted}/" not in self.headers.get("Authorization", "") + unquote(self.path):
            self._answer(403, [], b"<Error><Code>InvalidAccessKeyId</Code></Error>")
            return
        if self.path in self.orders.broken:
            self._answer(500, [], b"{}")
            return
        failure = self.orders.failure_of(self.command)
        self.close_connection = failure is not None
        if failure == "lose the request":
            return
        if failure == "answer 503":
            self._answer(503, [], b"")
            return
        if failure in _SAID:
            self._answer(*_SAID[failure])
            return
        try:
            status, headers, answer = self._ask(body)
        except (OSError, HTTPException):
            self.close_connection = True
            return
        if failure == "cut the answer":
            self._answer(status, headers, answer[: len(answer) // 2])
        elif failure is None:
            self._answer(status, headers, answer)

    def _note(self, response: bytes) -> None:
        if self.orders.exchanges is not None:
            self.orders.exchanges.append(Exchange(self._request, response))

    # The names under which http.server looks for methods.
    locals().update(dict.fromkeys(("do_GET", "do_HEAD", "do_PUT", "do_POST", "do_PATCH", "do_DELETE"), forward))

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = HTTPConnection(self.upstream, timeout=30)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in {"expect", "connection"} | self.orders.forgets:
                for ours, theirs in self.orders.keys.items():
                    value = value.replace(ours, theirs)  # noqa: PLW2901 - the same header
                connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        found = response.status, response.getheaders(), response.read()
        connection.close()
        return found

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in {"connection", "transfer-encoding", "server", "date"}:
                self.send_header(name, value)
        if "content-length" not in {name.lower() for name, _ in headers}:
            self.send_header("Content-Length", str(len(body)))
        self._note(f"{status}\r\n{headers}\r\n".encode() + body)
        self.end_headers()
        self.wfile.write(body)
