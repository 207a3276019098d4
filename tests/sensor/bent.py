"""An emulated provider behind a proxy that bends the answers to one path."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

LIST = "/finetune/request/list"


@contextmanager
def bent(url: str, bend: Callable[[Any], Any], path: str = LIST) -> Iterator[str]:
    """Pass every request on, and change what is answered on one path.

    Args:
        url: Where the provider is.
        bend: What becomes of a JSON answer.
        path: Whose answers are bent.

    Yields:
        The address of the proxy.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(urlsplit(url).netloc, bend, path))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(netloc: str, bend: Callable[[Any], Any], path: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            upstream = HTTPConnection(netloc, timeout=60)
            upstream.request("GET", self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
            if self.path.partition("?")[0] == path and answer.status == 200:
                content = json.dumps(bend(json.loads(content))).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            upstream.close()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
