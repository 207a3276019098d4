"""A server that answers with one documented response, and keeps the request that came."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.wire.exchanges import Exchange


@dataclass(frozen=True)
class ReceivedRequest:
    method: str
    path: str
    """With its query."""
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


@dataclass
class Replay:
    """The address of the server, and what came to it."""

    url: str
    received: list[ReceivedRequest] = field(default_factory=list)


@contextmanager
def replaying(exchange: Exchange) -> Iterator[Replay]:
    """Answer every request with the documented response of one exchange, on a real socket."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    replay = Replay(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = _handler(exchange, replay)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield replay
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(exchange: Exchange, replay: Replay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self._chunks() if "transfer-encoding" in headers else self._sized()
            replay.received.append(ReceivedRequest(self.command, self.path, headers, body))
            content = exchange.response.content(replay.url)
            self.send_response(exchange.response.status)
            if exchange.response.content_type is not None:
                self.send_header("Content-Type", exchange.response.content_type)
            documented = dict(exchange.response.headers or {})
            # HEAD tells the size of a body it does not send; any other answer tells its own.
            size = documented.pop("Content-Length", "0") if self.command == "HEAD" else str(len(content))
            documented.pop("Content-Length", None)
            for name, value in {**documented, "Content-Length": size}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815 - names of http.server

        def _sized(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _chunks(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
