"""A server that says yes to everything, and keeps the headers that came."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Recording:
    """Where the server is, and what it was sent."""

    endpoint: str
    headers: list[dict[str, str]] = field(default_factory=list)
    """Of each request, in order; names in lower case."""


@contextmanager
def recording() -> Iterator[Recording]:
    """Run the server on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Stay silent."""

        def answer(self) -> None:
            found.headers.append({name.lower(): value for name, value in self.headers.items()})
            if self.headers.get("Expect") == "100-continue":
                self.send_response_only(100)
                self.end_headers()
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("ETag", '"yes"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        locals().update(dict.fromkeys(("do_GET", "do_PUT"), answer))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Recording(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
