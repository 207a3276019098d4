"""Progress on the run's page is an extra: work goes on where it cannot be shown."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from tuneloop.orchestration.progress import ProgressReporter

pytestmark = pytest.mark.filterwarnings("ignore:Artifact creation outside of a flow:FutureWarning")


@pytest.fixture
def broken_server() -> Iterator[list[str]]:
    """A Prefect server that has a problem of its own. Gives the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Stay silent."""

        def refuse(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        locals().update(dict.fromkeys(("do_GET", "do_POST", "do_PATCH"), refuse))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{server.server_port}/api"}):
            yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_server_that_takes_no_progress_stops_no_work_and_is_left_alone(broken_server: list[str]) -> None:
    bar = ProgressReporter("robot", "Weights into the store", "bytes")
    bar.show(1, 100)
    asked = len(broken_server)
    assert asked >= 1
    for done in range(2, 101):
        bar.show(done, 100)
    assert len(broken_server) == asked


def test_server_that_is_gone_stops_no_work() -> None:
    bar = ProgressReporter("robot", "Weights into the store", "bytes")
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        bar.show(1, 100)
