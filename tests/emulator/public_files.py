"""A public web server of the customer's, on this machine."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[str]:
    """Serve files at their paths, and yield the origin.

    A path that holds `no-head` responses no HEAD, one with `no-length` no Content-Length, one with `short` breaks
    off before its last byte, and one with `moved` points to the same file elsewhere.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.RequestHandlerClass = _handler(files)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(files: dict[str, bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.get(self.path)
            if content is None or (self.command == "HEAD" and "no-head" in self.path):
                self.send_error(404 if content is None else 405)
                return
            if "moved" in self.path:
                self.send_response(302)
                self.send_header("Location", self.path.replace("moved", "there"))
                self.end_headers()
                return
            self.send_response(200)
            if "no-length" not in self.path:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content[:-1] if "short" in self.path else content)

        do_HEAD = do_GET  # noqa: N815 - name of http.server

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
