"""Block types are registered while the server that is to have them still starts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from prefect.filesystems import LocalFileSystem
from prefect.settings import PREFECT_API_URL, temporary_settings

from tuneloop.orchestration.deploy import register

ID = str(uuid4())
TYPE: dict[str, object] = {"id": ID, "name": "Local File System", "slug": "local-file-system"}
SCHEMA: dict[str, object] = {
    "id": ID,
    "checksum": "sha256:0",
    "fields": {},
    "block_type_id": ID,
    "capabilities": [],
    "version": "1",
}


@pytest.fixture
def created_meanwhile() -> Iterator[list[str]]:
    """A server that has a block type only from the moment in which somebody asks it to make one."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Stay silent."""

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body: dict[str, object]
            path = self.path.partition("?")[0]
            if self.command == "POST":
                status, body = 409, {}
            elif "/block_types/slug/" in path:
                status, body = (200, TYPE) if seen.count("POST") else (404, {})
            elif "/block_schemas/checksum/" in path:
                status, body = 200, SCHEMA
            else:
                status, body = (204, {}) if self.command == "PATCH" else (404, {})
            seen.append(self.command)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            content = b"" if status == 204 else json.dumps(body).encode()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815 - the names that http.server calls

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        api: Any = {PREFECT_API_URL: f"http://127.0.0.1:{server.server_port}/api"}
        with temporary_settings(updates=api):
            yield seen
        server.shutdown()


def test_type_that_the_server_makes_at_the_same_moment_is_no_error(created_meanwhile: list[str]) -> None:
    register(LocalFileSystem)
    assert created_meanwhile.count("POST") == 1
