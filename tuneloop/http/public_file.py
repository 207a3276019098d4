"""Files at public addresses. What such a server says in its own words is not read: it may be anybody's."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from tuneloop.errors import DatasetError, DatasetUnavailable, ProviderError, ProviderUnavailable, RequestRejected
from tuneloop.http.addresses import check_host
from tuneloop.http.response import StreamedResponse, content_length
from tuneloop.http.transport import Transport
from tuneloop.settings import Settings

_PROVIDER = "the dataset's server"
_ANY = tuple(range(200, 600))
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 8
_BY_HAND = "download the zip and name the file"
_INSTEAD = f"{_BY_HAND}: it is uploaded from here"
Progress = Callable[[int, int | None], None]


class PublicFile:
    """A file at a public address: no key is sent.

    Raises:
        DatasetError: The address leads into a private network, and the settings do not allow it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._public_only = not Settings().allow_private_addresses
        if self._public_only:
            check_host(urlsplit(url).hostname or "")
        self._transport = Transport(
            _PROVIDER,
            url,
            None,
            lambda response: self._error(response.status),
            only_public_peers=self._public_only,
        )

    def head(self) -> tuple[int, str | None]:
        """Size in bytes and ETag. Raises `DatasetError` where HEAD is not answered as a provider needs it."""
        response = self._transport.head(self.url)
        size_bytes = content_length(response.headers)
        if size_bytes is None:
            raise DatasetError(f"{self.url} answers HEAD without a Content-Length; {_INSTEAD}")
        return size_bytes, response.headers.get("etag")

    def save(self, target: Path, size_bytes: int, on_progress: Progress | None = None) -> str:
        """GET the file as a provider does, without following a redirect, and return its sha256.

        Raises:
            DatasetError: GET states another size than HEAD.
        """
        with self._transport.open_response(self.url, {}, accept=_ANY) as response:
            if response.status != HTTPStatus.OK:
                raise self._error(response.status)
            if response.headers.get("content-length") != str(size_bytes):
                raise DatasetError(f"{self.url} answers GET and HEAD with different lengths; {_INSTEAD}")
            return self._write(response, target, size_bytes, on_progress)

    def follow(self, target: Path, limit_bytes: int, on_progress: Progress | None = None) -> str:
        """As `save`, through redirects: each further address is held to the rules of the first.

        Addresses on the way are shown and kept nowhere, for they are often signed.

        Raises:
            DatasetError: It is too large, or the server leads to where we do not go.
        """
        url = self.url
        for _ in range(_MAX_REDIRECTS + 1):
            with self._transport.open_response(url, {}, accept=_ANY) as response:
                if response.status == HTTPStatus.OK:
                    return self._write(response, target, limit_bytes, on_progress)
                url = self._next(url, response)
        raise DatasetError(f"{self.url} redirects more than {_MAX_REDIRECTS} times; {_BY_HAND}")

    def _next(self, url: str, response: StreamedResponse) -> str:
        location = response.headers.get("location")
        if response.status not in _REDIRECTS or location is None:
            raise self._error(response.status)
        try:
            found = urljoin(url, location)
            parts = urlsplit(found)
        except ValueError:
            raise DatasetError(f"{self.url} redirects to a malformed address; {_BY_HAND}") from None
        allowed = {"https"} if url.startswith("https:") else {"http", "https"}
        if parts.scheme not in allowed or not parts.hostname or parts.username or parts.password:
            raise DatasetError(f"{self.url} redirects to an address that is not plain https; {_BY_HAND}")
        if self._public_only:
            check_host(parts.hostname)
        return found

    def _write(
        self, response: StreamedResponse, target: Path, limit_bytes: int, on_progress: Progress | None
    ) -> str:
        """Write the body as it comes in. Returns its sha256."""
        hasher, done, size_bytes = hashlib.sha256(), 0, content_length(response.headers)
        with target.open("xb") as file:
            # What is announced counts before the first byte of it.
            for chunk in itertools.chain([b""], response.chunks):
                done += len(chunk)
                if max(done, size_bytes or 0) > limit_bytes:
                    raise DatasetError(f"{self.url} has more than {limit_bytes:,} bytes, the limit")
                hasher.update(chunk)
                file.write(chunk)
                if on_progress is not None:
                    on_progress(done, size_bytes)
        if size_bytes not in {None, done}:
            raise DatasetUnavailable(f"{self.url}: {done} of {size_bytes} bytes arrived; run again")
        return hasher.hexdigest()

    def _error(self, status: int) -> ProviderError:
        what, remedy = f"{self.url} answers {status}", "check the address of the zip"
        if status in _REDIRECTS:
            what = f"{what}, which leads elsewhere; a provider that fetches by itself may not follow"
            remedy = _INSTEAD
        elif status in {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}:
            what, remedy = f"{what}: it does not take the requests of a provider that fetches by itself", _INSTEAD
        elif status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            what, remedy = f"{what}: it is not public", _BY_HAND
        error = ProviderUnavailable if status >= HTTPStatus.INTERNAL_SERVER_ERROR else RequestRejected
        return error(f"{what}; {remedy}", provider=_PROVIDER, status=status)
