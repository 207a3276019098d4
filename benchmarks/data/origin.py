"""A provider's download address at the kernel's speed: `python -m benchmarks.data.origin FILE` prints the port.

Answers GET and HEAD with ETag, `Range: bytes=first-last` and `If-Range`; the bytes go from the file to the
socket without passing through Python. It ends with its standard input, and so with whoever started it.
"""

from __future__ import annotations

import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_ETAG = '"weights-1"'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    file = Path()

    def do_HEAD(self) -> None:
        """Tell size and ETag."""
        self._begin()

    def do_GET(self) -> None:
        """Send the file, or the range that is asked for."""
        first, count = self._begin()
        with self.file.open("rb") as file:
            self.connection.sendfile(file, first, count)

    def _begin(self) -> tuple[int, int]:
        size = self.file.stat().st_size
        first, last = 0, size - 1
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and self.headers.get("If-Range", _ETAG) == _ETAG:
            first, last = int(asked[1]), min(last, int(asked[2] or last))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", _ETAG)
        self.end_headers()
        self.wfile.flush()
        return first, last - first + 1

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve one file until standard input ends."""
    _Handler.file = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
