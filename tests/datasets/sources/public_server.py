"""A public web server with one zip."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Shelf:
    """What a public server answers."""

    def __init__(self) -> None:
        self.body = b""
        self.head_length: int | str | None = None


@contextmanager
def serving(shelf: Shelf) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _start(self, length: int | str | None) -> None:
            self.send_response(200)
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
        yield f"http://127.0.0.1:{server.server_address[1]}/images.zip"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
