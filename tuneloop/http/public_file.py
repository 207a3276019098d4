"""Files at public addresses. What such a server says in its own words is not read: it may be anybody's."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from tuneloop.errors import DatasetError, ProviderError, ProviderUnavailable, RequestRejected
from tuneloop.http.answer import Answer, StreamedAnswer, size_in
from tuneloop.http.public_peer import check_host
from tuneloop.http.transport import Transport
from tuneloop.settings import Settings

_PROVIDER = "the dataset's server"
_ANY = tuple(range(200, 600))
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 8
_BY_HAND = "download the zip and name the file"
_INSTEAD = f"{_BY_HAND}: it is uploaded from here"
Progress = Callable[[int, int | None], None]


class PublicFile:
    """A file at a public address: no key is sent.

    Args:
        url: Where it lies.

    Raises:
        DatasetError: The address leads into a private network, and the settings do not allow it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._transport = Transport(_PROVIDER, url, None, self._refused)
        self._public_only = not Settings().allow_private_addresses
        if self._public_only:
            check_host(urlsplit(url).hostname or "")
            self._transport.only_public_peers()

    def head(self) -> tuple[int, str | None]:
        """Size in bytes and ETag. Raises `DatasetError` where HEAD is not answered as a provider needs it."""
        answer = self._transport.head(self.url)
        size_bytes = size_in(answer.headers)
        if size_bytes is None:
            raise DatasetError(f"{self.url} answers HEAD without a Content-Length; {_INSTEAD}")
        return size_bytes, answer.headers.get("etag")

    def save(self, target: Path, size_bytes: int, on_progress: Progress | None = None) -> str:
        """GET the file as a provider does, without following a redirect.

        Args:
            target: Where to write it; must not exist.
            size_bytes: Its size, as HEAD tells it.
            on_progress: Told (bytes so far, bytes in all).

        Returns:
            Its sha256.

        Raises:
            DatasetError: GET says another size than HEAD.
        """
        with self._transport.open_answer(self.url, {}, accept=_ANY) as answer:
            if answer.status != HTTPStatus.OK:
                raise self._refusal(answer.status)
            if answer.headers.get("content-length") != str(size_bytes):
                raise DatasetError(f"{self.url} answers GET and HEAD with different lengths; {_INSTEAD}")
            return self._written(answer, target, size_bytes, on_progress)

    def follow(self, target: Path, limit_bytes: int, on_progress: Progress | None = None) -> str:
        """GET the file, wherever its server sends us: each further address is held to the rules of the first.

        Addresses on the way are shown and kept nowhere, for they are often signed.

        Args:
            target: Where to write it; must not exist.
            limit_bytes: How large it may be.
            on_progress: Told (bytes so far, bytes in all).

        Returns:
            Its sha256.

        Raises:
            DatasetError: It is too large, or the server leads to where we do not go.
        """
        url = self.url
        for _ in range(_MOST_REDIRECTS + 1):
            with self._transport.open_answer(url, {}, accept=_ANY) as answer:
                if answer.status == HTTPStatus.OK:
                    return self._written(answer, target, limit_bytes, on_progress)
                url = self._next(url, answer)
        raise DatasetError(f"{self.url} leads on and on, more than {_MOST_REDIRECTS} times; {_BY_HAND}")

    def _next(self, url: str, answer: StreamedAnswer) -> str:
        """The address that an answer leads to."""
        location = answer.headers.get("location")
        if answer.status not in _REDIRECTS or location is None:
            raise self._refusal(answer.status)
        try:
            found = urljoin(url, location)
            parts = urlsplit(found)
        except ValueError:
            raise DatasetError(f"{self.url} leads to an address that is none; {_BY_HAND}") from None
        allowed = {"https"} if url.startswith("https:") else {"http", "https"}
        if parts.scheme not in allowed or not parts.hostname or parts.username or parts.password:
            raise DatasetError(f"{self.url} leads to an address that is not plain https; {_BY_HAND}")
        if self._public_only:
            check_host(parts.hostname)
        return found

    def _written(
        self, answer: StreamedAnswer, target: Path, limit_bytes: int, on_progress: Progress | None
    ) -> str:
        """Write the body as it comes in. Returns its sha256."""
        hasher, done = hashlib.sha256(), 0
        length = answer.headers.get("content-length", "")
        announced = int(length) if length.isdecimal() else None
        with target.open("xb") as file:
            # What is announced counts before the first byte of it.
            for chunk in itertools.chain([b""], answer.chunks):
                done += len(chunk)
                if max(done, announced or 0) > limit_bytes:
                    raise DatasetError(f"{self.url} has more than {limit_bytes:,} bytes, the most that is fetched")
                hasher.update(chunk)
                file.write(chunk)
                if on_progress is not None:
                    on_progress(done, announced)
        if announced not in {None, done}:
            raise DatasetError(f"{self.url}: {done} of {announced} bytes arrived; run again")
        return hasher.hexdigest()

    def _refused(self, answer: Answer) -> ProviderError:
        return self._refusal(answer.status)

    def _refusal(self, status: int) -> ProviderError:
        what, remedy = f"{self.url} answers {status}", "check the address of the zip"
        if status in _REDIRECTS:
            what, remedy = (
                f"{what}, which leads elsewhere; a provider that fetches by itself may not follow",
                _INSTEAD,
            )
        elif status in {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}:
            what, remedy = f"{what}: it does not take the requests of a provider that fetches by itself", _INSTEAD
        elif status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            what, remedy = f"{what}: it is not public", _BY_HAND
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return ProviderUnavailable(f"{what}; {remedy}", provider=_PROVIDER, status=status)
        return RequestRejected(f"{what}; {remedy}", provider=_PROVIDER, status=status)
