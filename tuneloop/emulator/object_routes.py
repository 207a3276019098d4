"""The object store over HTTP: PUT, HEAD and GET of `/s3/<bucket>/<key>`, with S3's XML errors."""

from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tuneloop.emulator import byte_ranges, signed_urls
from tuneloop.emulator.clock import Clock
from tuneloop.emulator.faults import Fault
from tuneloop.emulator.objects import PREFIX, Objects, StoredObject
from tuneloop.emulator.switches import SwitchBoard

_CHUNK = 1 << 20
_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
_CODES = {429: "SlowDown", 500: "InternalError", 503: "ServiceUnavailable"}


class ObjectRoutes:
    """The HTTP face of `Objects`. Source of the error codes: Amazon S3, list of error codes."""

    def __init__(self, objects: Objects, clock: Clock, switches: SwitchBoard) -> None:
        self._objects = objects
        self._clock = clock
        self._switches = switches

    def routes(self) -> list[Route]:
        """Return the one route that takes every verb."""
        return [Route(PREFIX + "{key:path}", self._dispatch, methods=_METHODS)]

    async def _dispatch(self, request: Request) -> Response:
        key = request.path_params["key"]
        verdict = signed_urls.check(request.method, request.url.path, request.query_params, self._clock.now())
        if request.method not in ("GET", "HEAD", "PUT"):
            return xml_error(405, "MethodNotAllowed", "The method is not allowed against this resource.")
        if verdict == "expired":
            return xml_error(403, "AccessDenied", "Request has expired")
        if verdict == "wrong signature":
            return xml_error(403, "SignatureDoesNotMatch", "The signature is not one made for this request.")
        if request.method == "PUT":
            return await self._put(request, key, signed=verdict == "valid")
        return self._get(request, key, signed=verdict == "valid")

    async def _put(self, request: Request, key: str, *, signed: bool) -> Response:
        if not signed:
            return xml_error(403, "AccessDenied", "Access Denied")
        if "content-length" not in request.headers:
            return xml_error(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        incoming = self._objects.begin()
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
        stored = await run_in_threadpool(self._objects.keep, incoming, key)
        return Response(headers={"ETag": stored.etag})

    def _get(self, request: Request, key: str, *, signed: bool) -> Response:
        stored = self._objects.find(key)
        if stored is None:
            return xml_error(404, "NoSuchKey", "The specified key does not exist.")
        if not signed and not stored.public:
            return xml_error(403, "AccessDenied", "Access Denied")
        # What is public was uploaded; the switch is about what is handed out.
        style = "by range" if stored.public else self._switches.now.downloads
        return _content(request, stored, self._objects.path(key), style)


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
    try:
        part = byte_ranges.wanted(request.headers.get("range"), stored.size) if current else None
    except byte_ranges.UnsatisfiableRange:
        return xml_error(416, "InvalidRange", "The requested range is not satisfiable")
    if part is None:
        status, part = 200, byte_ranges.ByteRange(0, stored.size - 1)
    else:
        status = 206
        headers["Content-Range"] = f"bytes {part.first}-{part.last}/{stored.size}"
    if style != "without length":
        headers["Content-Length"] = str(part.last - part.first + 1)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(_chunks(path, part), status_code=status, headers=headers)


def _chunks(path: Path, part: byte_ranges.ByteRange) -> Iterator[bytes]:
    left = part.last - part.first + 1
    with path.open("rb") as file:
        file.seek(part.first)
        while left > 0:
            chunk = file.read(min(_CHUNK, left))
            left -= len(chunk)
            yield chunk


def xml_error(status: int, code: str, message: str) -> Response:
    """Return an error as S3 writes it."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    )
    return Response(body, status, media_type="application/xml")


def refusal(fault: Fault) -> Response:
    """Return the store's answer to an injected fault."""
    code = _CODES.get(fault.status, "AccessDenied")
    return xml_error(fault.status, code, fault.reason or "Injected by the emulator.")
