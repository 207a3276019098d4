"""A file behind presigned URLs that expire, read by range where its server allows that.

Sources: RFC 9110 (Range, If-Range, Content-Range, strong and weak ETags); Amazon S3, GetObject (a URL that is
signed for GET rejects HEAD, so that size and ETag are read off a GET of one byte).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import Any

from tuneloop.errors import PresignedUrlExpired, ProviderUnavailable, RateLimited, UnexpectedResponse
from tuneloop.http.response import StreamedResponse, content_length
from tuneloop.http.transport import Transport
from tuneloop.providers.base import SourceChanged
from tuneloop.schemas.ranged_source import RangedSource

_PART = 206
_NO_SUCH_RANGE = 416
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_TRIES = 3
"""Responses in a row that may bring no byte: URLs that are rejected at once, connections that break."""
_PAUSE_S = 0.5


class PresignedDownload:
    """One file. Making it requests a URL that is valid for now, and the first byte.

    `with_key` is for a provider that may hand out addresses on its API's own host; see `Transport.open_response`.
    """

    def __init__(self, transport: Transport, new_url: Callable[[], str], *, with_key: bool = False) -> None:
        self._transport = transport
        self._with_key = with_key
        self._new_url = new_url
        self._url = new_url()
        self._size_bytes: int | None = None
        self._etag: str | None = None
        self._inspect()

    @property
    def source(self) -> RangedSource:
        return RangedSource(self._size_bytes, self._etag, self.read)

    def read(self, start: int, stop: int | None) -> AbstractContextManager[Iterator[bytes]]:
        """Open some bytes, or all; see `RangedSource`."""
        if self._etag is None or stop is None:
            return self._whole()
        return closing(self._range(start, stop, self._etag))

    def _inspect(self) -> None:
        """Find out size and ETag, and whether there are ranges."""
        accepted = (200, _PART, _NO_SUCH_RANGE)
        with self._opened({"Range": "bytes=0-0"}, accepted) as response:
            etag = response.headers.get("etag", "")
            found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
            if response.status == _PART and found:
                self._size_bytes = int(found[3])
                # A weak ETag may stay while bytes change, and no server takes it in If-Range.
                self._etag = etag if etag.startswith('"') else None
                for _ in response.chunks:
                    """Read to its end, so that the connection is used again."""
            elif response.status == 200:  # noqa: PLR2004
                self._size_bytes = content_length(response.headers)

    @contextmanager
    def _whole(self) -> Iterator[Iterator[bytes]]:
        with self._opened({}, (200,)) as response:
            yield response.chunks

    def _range(self, start: int, stop: int, etag: str) -> Generator[bytes, None, None]:
        position, fruitless = start, 0
        while position < stop:
            before = position
            failure = ProviderUnavailable("no bytes arrived", provider=self._transport.provider)
            try:
                headers = {"Range": f"bytes={position}-{stop - 1}", "If-Range": etag}
                with self._opened(headers, (200, _PART, _NO_SUCH_RANGE)) as response:
                    self._expect_part(response, position, stop, etag)
                    for chunk in response.chunks:
                        position += len(chunk)
                        yield chunk
            except (PresignedUrlExpired, RateLimited, SourceChanged):
                raise
            except ProviderUnavailable as error:
                failure = error
            fruitless = 0 if position > before else fruitless + 1
            if fruitless == _TRIES:
                raise failure
            time.sleep(_PAUSE_S * fruitless)

    @contextmanager
    def _opened(self, headers: Mapping[str, str], accept: tuple[int, ...]) -> Iterator[StreamedResponse]:
        """GET by the URL at hand, and by a new one where it has expired."""
        with ExitStack() as stack:
            for tries_left in reversed(range(_TRIES)):
                try:
                    opened = self._transport.open_response(
                        self._url, headers, accept=accept, with_key=self._with_key
                    )
                    response = stack.enter_context(opened)
                    break
                except PresignedUrlExpired:
                    if not tries_left:
                        raise
                    self._url = self._new_url()
            yield response

    def _expect_part(self, response: StreamedResponse, start: int, stop: int, etag: str) -> None:
        found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        details: dict[str, Any] = {"provider": self._transport.provider, "status": response.status}
        same = response.headers.get("etag", etag) == etag and (found is None or int(found[3]) == self._size_bytes)
        if response.status != _PART or not same:
            raise SourceChanged("the file changed during the download; it is downloaded again", **details)
        if found is None or int(found[1]) != start or not start <= int(found[2]) < stop:
            raise UnexpectedResponse(f"bytes {start} to {stop - 1} were requested, others arrived", **details)
