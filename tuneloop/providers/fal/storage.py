"""fal's storage: files of ours at addresses that its models read.

Source: fal's JavaScript client (two steps: ask for an address, then PUT; above 90 MiB in parts of 10 MiB). The
file's own address ends with the name that it was given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from tuneloop.errors import UnexpectedResponse
from tuneloop.http.response import Response
from tuneloop.http.transport import Transport
from tuneloop.providers.base import OutgoingFile
from tuneloop.providers.expected_hosts import ExpectedHosts
from tuneloop.providers.fal.errors import map_error
from tuneloop.providers.upload import check_size, repeated

HOSTS = re.compile(r"([a-z0-9-]+\.)*fal\.(media|ai|run)|storage\.googleapis\.com")
ONE_PUT_BYTES = 90 << 20
PART_BYTES = 10 << 20
_INITIATE = "/storage/upload/initiate"


class FalStorage:
    """Uploads. They cost nothing."""

    def __init__(
        self,
        transport: Transport,
        hosts: ExpectedHosts,
        one_put_bytes: int = ONE_PUT_BYTES,
        part_bytes: int = PART_BYTES,
    ) -> None:
        self._transport = transport
        self._hosts = hosts
        self._one_put_bytes = one_put_bytes
        self._part_bytes = part_bytes

    def upload(self, file_name: str, file: OutgoingFile, content_type: str) -> str:
        """Bring a file there, and return its address. A broken connection is met with a new address."""
        return repeated(lambda: self._upload_once(file_name, file, content_type))

    def _upload_once(self, file_name: str, file: OutgoingFile, content_type: str) -> str:
        in_parts = file.size_bytes > self._one_put_bytes
        response = self._transport.call(
            "POST",
            _INITIATE + ("-multipart" if in_parts else ""),
            params={"storage_type": "fal-cdn-v3"},
            json={"file_name": file_name, "content_type": content_type},
        )
        document = response.json()
        try:
            upload_url, file_url = str(document["upload_url"]), str(document["file_url"])
        except (KeyError, TypeError):
            raise UnexpectedResponse("the response names no upload_url and file_url", **response.details) from None
        self._hosts.check(upload_url, "upload_url", response)
        self._hosts.check(file_url, "file_url", response)
        if not file_name_in(file_url).endswith(file_name):
            raise UnexpectedResponse(
                f"the uploaded file should be called {file_name} at fal and is not, so that its training could "
                "not be found again; nothing was submitted",
                **response.details,
            )
        if in_parts:
            self._put_parts(upload_url, file)
        else:
            headers = {"Content-Type": content_type}
            self._transport.put_stream(upload_url, file.chunks(), file.size_bytes, headers)
        check_size(self._transport, file_url, file.size_bytes)
        return file_url

    def _put_parts(self, upload_url: str, file: OutgoingFile) -> None:
        parts = []
        for number, part in enumerate(_parts(file.chunks(), self._part_bytes), 1):
            response = self._transport.put_stream(_below(upload_url, str(number)), [part], len(part))
            parts.append({"partNumber": number, "etag": _etag_of(response)})
        origin, path = _origin_and_path(_below(upload_url, "complete"))
        # Without the key: the address alone is the permission.
        keyless = Transport(self._transport.provider, origin, None, map_error)
        keyless.call("POST", path, accept=(200, 201, 204), json={"parts": parts})


def file_name_in(url: str) -> str:
    """The last part of an address's path."""
    return unquote(urlsplit(url).path.rpartition("/")[2])


def _parts(chunks: Iterator[bytes], part_bytes: int) -> Iterator[bytes]:
    rest = bytearray()
    for chunk in chunks:
        rest += chunk
        while len(rest) >= part_bytes:
            yield bytes(rest[:part_bytes])
            del rest[:part_bytes]
    if rest:
        yield bytes(rest)


def _below(url: str, last: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{last}"))


def _origin_and_path(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", urlunsplit(("", "", parts.path, parts.query, ""))


def _etag_of(response: Response) -> str:
    """A part's ETag: by its client the response's JSON has it, by the storage's own habit a header."""
    try:
        document: Any = json.loads(response.body)
    except (ValueError, RecursionError):
        document = None
    etag = document.get("etag") if isinstance(document, dict) else None
    found = etag or response.headers.get("etag")
    if not isinstance(found, str):
        raise UnexpectedResponse("an uploaded part was answered without its ETag", **response.details)
    return found
