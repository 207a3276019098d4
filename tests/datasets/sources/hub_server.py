"""A server that speaks so much of the Hugging Face Hub's API as a dataset needs, with a storage beside it.

Source: Hugging Face, "Hub API Endpoints"; huggingface_hub, `file_download` (headers of an answer to HEAD).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
RESOLVED = f"/datasets/someone/cats/resolve/{COMMIT}/"


class FakeHub:
    """One dataset, `someone/cats`, at one commit."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.sizes: dict[str, int] = {}
        """What the list says, where that is not the truth."""
        self.revisions = {"main", "v1", "refs/pr/1", COMMIT}
        self.refusal: tuple[int, str] | None = None
        """Status and error code of every answer of the API."""
        self.seen: list[tuple[str, str, str, str | None]] = []
        """Method, host, path and authorization of every request."""
        self.port = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def fetched(self) -> set[str]:
        """Paths of the files that were asked for by GET."""
        gets = (path for method, _, path, _ in self.seen if method == "GET" and not path.startswith("/api/"))
        return {path.removeprefix("/storage/").removeprefix(RESOLVED) for path in gets}


class HubHandler(BaseHTTPRequestHandler):
    made: ClassVar[FakeHub]
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.made.seen.append((self.command, self.headers["Host"], path, self.headers.get("Authorization")))
        if path.startswith("/storage/"):
            self.answer(200, self.made.files[path.removeprefix("/storage/")])
        elif self.made.refusal is not None:
            self.answer(self.made.refusal[0], X_Error_Code=self.made.refusal[1], X_Error_Message="hunter2")
        elif path.startswith("/api/datasets/someone/cats"):
            self.info(path.removeprefix("/api/datasets/someone/cats").removeprefix("/revision/"))
        elif path.startswith(RESOLVED):
            self.file(path.removeprefix(RESOLVED))
        else:
            self.answer(404, X_Error_Code="RepoNotFound")

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def info(self, revision: str) -> None:
        if revision and revision not in self.made.revisions:
            self.answer(404, X_Error_Code="RevisionNotFound")
            return
        siblings = [
            {
                "rfilename": name,
                "size": self.made.sizes.get(name, len(data)),
                "blobId": hashlib.sha1(data).hexdigest(),  # noqa: S324 - as git does
            }
            for name, data in self.made.files.items()
        ]
        body = {"id": "someone/cats", "sha": COMMIT, "siblings": siblings}
        self.answer(200, json.dumps(body).encode(), Content_Type="application/json")

    def file(self, name: str) -> None:
        """Texts come from the hub itself, everything else from its storage, as large files do."""
        data = self.made.files[name]
        etag = f'"{hashlib.sha256(data).hexdigest()}"'
        if name.endswith((".txt", ".jsonl")):
            self.answer(200, data, ETag=etag, X_Repo_Commit=COMMIT)
            return
        location = f"http://localhost:{self.made.port}/storage/{name}?X-Amz-Signature=hunter2"
        self.answer(302, Location=location, X_Repo_Commit=COMMIT, X_Linked_Etag=etag, X_Linked_Size=str(len(data)))

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def hub() -> Iterator[FakeHub]:
    made = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (HubHandler,), {"made": made}))
    server.daemon_threads = True
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
