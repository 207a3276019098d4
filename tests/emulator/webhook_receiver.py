"""A customer's receiver of webhooks, on this machine."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.waiting import wait_until
from tuneloop.emulator import Delivery, EmulatorControl


@dataclass(frozen=True)
class Received:
    """One delivery."""

    content: bytes
    headers: dict[str, str]
    path: str

    @property
    def body(self) -> dict[str, Any]:
        return dict(json.loads(self.content))


@dataclass
class Receiver:
    """Everything that has arrived at an address, and how it is answered."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Of the next answers; 200 when they are used up."""
    on_arrival: Callable[[], object] = lambda: None
    """Called before the answer."""

    @property
    def events(self) -> list[str]:
        """What has arrived, in the word of Segmind or BFL."""
        return [str(received.body.get("event", received.body["status"])) for received in list(self.received)]

    def wait(self, count: int) -> list[Received]:
        """Return what has arrived once it is so much."""
        what = f"{count} deliveries have arrived"
        wait_until(what, lambda: len(self.received) >= count, seen=lambda: self.events)
        return list(self.received)


def settled(emulator: EmulatorControl, count: int) -> list[Delivery]:
    """Return the log of deliveries once it has so many entries."""
    what = f"{count} deliveries are logged"
    wait_until(what, lambda: len(emulator.deliveries()) >= count, seen=emulator.deliveries)
    return emulator.deliveries()


def quiet() -> None:
    """Wait for what should not come: the emulator looks several times."""
    time.sleep(0.35)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Receive at a free port while the block lasts."""
    receiver = Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(receiver))
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hooks/tuning?token=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append(Received(content, dict(self.headers.items()), self.path))
            receiver.on_arrival()
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
