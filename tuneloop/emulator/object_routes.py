"""The object store over HTTP: PUT, HEAD and GET of `/s3/<bucket>/<key>`, with S3's XML errors.

Source: Amazon S3, list of error codes.
"""

import re
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tuneloop.emulator import urls
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.faults import Fault
from tuneloop.emulator.objects import PREFIX, Objects, StoredObject

_CHUNK = 1 << 20
_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
_CODES = {429: "SlowDown", 500: "InternalError", 503: "ServiceUnavailable"}
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def routes(emulation: Emulation) -> list[Route]:
    """Return the one route that takes every verb."""

    async def dispatch(request: Request) -> Response:
        key, now = request.path_params["key"], emulation.clock.now()
        verdict = urls.check(request.method, request.url.path, request.query_params, now)
        if request.method not in ("GET", "HEAD", "PUT"):
            return xml_error(405, "MethodNotAllowed", "The method is not allowed against this resource.")
        if verdict == "expired":
            return xml_error(403, "AccessDenied", "Request has expired")
        if verdict == "wrong signature":
            return xml_error(403, "SignatureDoesNotMatch", "The signature is not one made for this request.")
        if request.method == "PUT":
            return await _put(emulation.objects, request, key, signed=verdict == "valid")
        return await run_in_threadpool(get, emulation, request, key, signed=verdict == "valid")

    return [Route(PREFIX + "{key:path}", dispatch, methods=_METHODS)]


async def _put(objects: Objects, request: Request, key: str, *, signed: bool) -> Response:
    if not signed:
        return xml_error(403, "AccessDenied", "Access Denied")
    if "content-length" not in request.headers:
        return xml_error(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
    incoming = objects.begin()
    try:
        batch = bytearray()
        async for chunk in request.stream():
            batch += chunk
            if len(batch) >= _CHUNK:
                await run_in_threadpool(incoming.write, bytes(batch))
                batch.clear()
        await run_in_threadpool(incoming.write, bytes(batch))
    except ClientDisconnect:
        incoming.drop()
        return Response(status_code=400)  # nobody is there to read it
    stored = await run_in_threadpool(objects.keep, incoming, key)
    return Response(headers={"ETag": stored.etag})


def get(emulation: Emulation, request: Request, key: str, *, signed: bool) -> Response:
    """Respond to a GET or HEAD of an object."""
    kept = emulation.provider.produce(emulation, key)
    stored = emulation.objects.find(key) if kept else None
    if stored is None:
        return xml_error(404, "NoSuchKey", "The specified key does not exist.")
    if not signed and not stored.public:
        return xml_error(403, "AccessDenied", "Access Denied")
    # The switch is about what is served as weights, not about what was uploaded.
    style = emulation.switches.now.downloads if stored.ours else "by range"
    return _content(request, stored, emulation.objects.path(key), style)


def _content(request: Request, stored: StoredObject, path: Path, style: str) -> Response:
    headers = {
        "ETag": stored.etag,
        "Accept-Ranges": "bytes",
        "Last-Modified": formatdate(stored.changed, usegmt=True),
        "Content-Type": "application/octet-stream",
    }
    current = request.headers.get("if-range") in (None, stored.etag, headers["Last-Modified"])
    if style == "without If-Range":
        current = "if-range" not in request.headers
    if style in ("whole", "without length"):
        current = False
        headers["Accept-Ranges"] = "none"
    if style == "without ETag":
        del headers["ETag"]
    status, part = 200, range(stored.size)
    asked = byte_range(request.headers.get("range"), stored.size) if current else None
    if asked is not None:
        if not asked:
            return xml_error(416, "InvalidRange", "The requested range is not satisfiable")
        status, part = 206, asked
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{stored.size}"
    if style != "without length":
        headers["Content-Length"] = str(len(part))
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(_chunks(path, part), status_code=status, headers=headers)


def byte_range(header: str | None, size: int) -> range | None:
    """Return the bytes a `Range` header asks for: none of them where it begins past the end of the object.

    None stands for the whole object, as S3 sends it also for several ranges and for a header it cannot read.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if int(first) >= size:
        return range(0)
    end = min(int(last) + 1, size) if last else size
    # "bytes=9-3" is malformed, not unsatisfiable.
    return range(int(first), end) if int(first) < end else None


def _chunks(path: Path, part: range) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(part.start)
        for begin in range(part.start, part.stop, _CHUNK):
            yield file.read(min(_CHUNK, part.stop - begin))


def xml_error(status: int, code: str, message: str) -> Response:
    """Return an error as S3 writes it."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    )
    return Response(body, status, media_type="application/xml")


def fault_response(fault: Fault) -> Response:
    """Return the store's error with the status of a fault."""
    code = _CODES.get(fault.status, "AccessDenied")
    return xml_error(fault.status, code, fault.reason or "Injected by the emulator.")
