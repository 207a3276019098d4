"""Taps on everything through which a flow's process touches the outside. Installed in the process that may die.

HTTP to providers goes through `requests`, to Prefect through `httpx`, to S3 through `botocore`, and a store in a
folder goes through the operating system. Whatever the pipeline learns to do through these is seen without a change
here.
"""

from __future__ import annotations

import functools
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import requests
from botocore.httpsession import URLLib3Session

from tests.crash.points import Trace, Trail

_HEAD_BYTES = 1 << 16
_OPEN = io.open


def install(trail: Trail, stores: Sequence[Path]) -> None:
    """Let every effect of this process on the outside pass a trail.

    Args:
        trail: Where the points go.
        stores: Folders of stores.
    """
    _tap_requests(trail)
    _tap_httpx(trail)
    _tap_botocore(trail)
    _tap_folders(trail, stores)


# HTTP to providers


def _tap_requests(trail: Trail) -> None:
    sessions: Any = requests.Session
    send = sessions.send

    def tapped(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        what = f"provider {request.method} {urlsplit(str(request.url)).path}"
        reads = request.method in {"GET", "HEAD"}
        if hasattr(request.body, "__iter__") and not isinstance(request.body, str | bytes):
            request.body = _TappedBody(trail, what, request.body)  # type: ignore[assignment]
        with trail.step(what, "none" if reads else "seen"):
            answer: requests.Response = send(session, request, **options)
        return answer

    sessions.send = tapped


class _TappedBody:
    """A streamed body with a point after each piece: half of it is sent, then all but the answer."""

    def __init__(self, trail: Trail, what: str, body: Any) -> None:
        self._trail = trail
        self._what = what
        # Half an upload is nothing to anybody; of a POST, the last piece is what counts.
        self._trace: Trace = "seen" if " POST " in what else "left"
        self._body = body

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        pieces = iter(self._body)
        piece = next(pieces, None)
        while piece is not None:
            # Before the step, the piece has left; between its sides, whatever is checked before the next one is.
            yield piece
            with self._trail.step(f"piece of {self._what}", self._trace):
                piece = next(pieces, None)


# HTTP to Prefect


def _tap_httpx(trail: Trail) -> None:
    transports: Any = httpx.HTTPTransport
    async_transports: Any = httpx.AsyncHTTPTransport
    send, send_async = transports.handle_request, async_transports.handle_async_request

    def tapped(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        with trail.step(*_prefect_call(request)):
            answer: httpx.Response = send(transport, request)
        return answer

    async def tapped_async(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        with trail.step(*_prefect_call(request)):
            answer: httpx.Response = await send_async(transport, request)
        return answer

    transports.handle_request = tapped
    async_transports.handle_async_request = tapped_async


def _prefect_call(request: httpx.Request) -> tuple[str, Trace]:
    path = request.url.path.removeprefix("/api")
    what = f"prefect {request.method} {path}"
    if path.endswith("/set_state"):
        state = json.loads(request.content)["state"]
        what += f" {state.get('name') or state['type']}"
    reads = request.method == "GET" or path.endswith(("/filter", "/count"))
    return what, "none" if reads else "seen"


# A store in S3


def _tap_botocore(trail: Trail) -> None:
    sessions: Any = URLLib3Session
    send = sessions.send

    def tapped(session: Any, request: Any) -> Any:
        _, _, name = urlsplit(request.url).path.lstrip("/").partition("/")
        # A part of an upload, or the beginning of one, is read by nobody until the whole is put together.
        half = "partNumber=" in request.url or request.url.endswith("?uploads")
        trace: Trace = "none" if request.method in {"GET", "HEAD"} else "left" if half else "seen"
        with trail.step(f"s3 {request.method} {name or 'bucket'}{_state_sent(request)}", trace):
            return send(session, request)

    sessions.send = tapped


def _state_sent(request: Any) -> str:
    body = request.body
    content = body.getvalue() if isinstance(body, io.BytesIO) else body
    return _state_of(content[:_HEAD_BYTES]) if request.method == "PUT" and isinstance(content, bytes) else ""


# A store in a folder


def _tap_folders(trail: Trail, stores: Sequence[Path]) -> None:
    # An open file shows its real path, and the store may lie behind a link.
    roots = tuple(root for store in stores for root in (str(store), os.path.realpath(store)))

    def around(operation: str, path: Any, trace: Trace, words: str = "") -> AbstractContextManager[None]:
        try:
            where = f"/proc/self/fd/{path}"
            text = os.readlink(where) if isinstance(path, int) else os.fspath(path)  # noqa: PTH115
        except (OSError, TypeError):
            return nullcontext()
        # The longest first: one root may begin as another one does.
        root = max(
            (each for each in roots if isinstance(text, str) and text.startswith(each)), key=len, default=None
        )
        if root is None:
            return nullcontext()
        name = str(text)[len(root) :].lstrip("/")
        draft = name.startswith(".tmp")
        kept = "left" if draft and trace == "seen" else trace
        return trail.step(f"store {operation} {'draft' if draft else name or 'root'}{words}", kept)

    system: Any = os
    link = system.link

    def tapped_link(source: Any, target: Any, **options: Any) -> None:
        with around("link", target, "seen", _state_in(source)):
            link(source, target, **options)

    system.link = tapped_link
    for name, trace in _ON_PATHS.items():
        setattr(system, name, _tapped_call(getattr(system, name), name, trace, around))
    files: Any = io
    opened = files.open

    def tapped_open(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        with around(f"open {mode}", file, "none" if mode in {"r", "rb"} else "seen"):
            return opened(file, mode, *arguments, **options)

    files.open = tapped_open


_ON_PATHS: dict[str, Trace] = {
    "unlink": "seen",
    "remove": "seen",
    "rename": "seen",
    "replace": "seen",
    "rmdir": "seen",
    "mkdir": "left",
    # A file that is synced or not makes a difference to a power cut, not to a killed process.
    "fsync": "none",
    "scandir": "none",
    "stat": "none",
}
"""Calls that take a path (or an open file) first."""


def _tapped_call(
    call: Callable[..., Any], name: str, trace: Trace, around: Callable[..., AbstractContextManager[None]]
) -> Callable[..., Any]:
    @functools.wraps(call)
    def tapped(path: Any = ".", *arguments: Any, **options: Any) -> Any:
        with around(name, path, trace):
            return call(path, *arguments, **options)

    return tapped


def _state_in(draft: Any) -> str:
    """The state or verdict that a record is about to bring, for its point's name."""
    try:
        with _OPEN(draft, "rb") as file:
            return _state_of(file.read(_HEAD_BYTES))
    except OSError:
        return ""


def _state_of(content: bytes) -> str:
    try:
        record = json.loads(content)
        return f" {record.get('state') or record['verdict']}"
    except (ValueError, KeyError, AttributeError):
        return ""
