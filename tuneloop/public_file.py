"""Files at public addresses. What such a server says in its own words is not read: it may be anybody's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from tuneloop.errors import DatasetError, ProviderError, ProviderUnavailable, RequestRefused
from tuneloop.http.answer import Answer, size_in
from tuneloop.public_peer import check_host
from tuneloop.settings import Settings
from tuneloop.transport import Transport

_PROVIDER = "the dataset's server"
_ANY = tuple(range(200, 600))


class PublicFile:
    """A file at a public address: no key, no redirect.

    Args:
        url: Where it lies.

    Raises:
        DatasetError: The address leads into a private network, and the settings do not allow it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._transport = Transport(_PROVIDER, url, None, self._refused)
        if not Settings().allow_private_addresses:
            check_host(urlsplit(url).hostname or "")
            self._transport.only_public_peers()

    def head(self) -> tuple[int, str | None]:
        """Size in bytes and ETag. Raises `DatasetError` where HEAD is not answered as a provider needs it."""
        answer = self._transport.head(self.url)
        size_bytes = size_in(answer.headers)
        if size_bytes is None:
            raise DatasetError(f"{self.url} answers HEAD without a Content-Length; put it on a server that does")
        return size_bytes, answer.headers.get("etag")

    def save(
        self, target: Path, size_bytes: int, on_progress: Callable[[int, int | None], None] | None = None
    ) -> str:
        """GET the file into `target`, which must not exist.

        Args:
            target: Where to write it.
            size_bytes: Its size, as HEAD tells it.
            on_progress: Told (bytes so far, bytes in all).

        Returns:
            Its sha256.

        Raises:
            DatasetError: GET says another size than HEAD.
        """
        hasher, done = hashlib.sha256(), 0
        with self._transport.open_answer(self.url, {}, accept=_ANY) as answer, target.open("xb") as file:
            if answer.status != HTTPStatus.OK:
                raise self._refusal(answer.status)
            if answer.headers.get("content-length") != str(size_bytes):
                raise DatasetError(f"{self.url} answers GET and HEAD with different lengths; use another server")
            for chunk in answer.chunks:
                done += len(chunk)
                if done > size_bytes:
                    break
                hasher.update(chunk)
                file.write(chunk)
                if on_progress is not None:
                    on_progress(done, size_bytes)
        if done != size_bytes:
            raise DatasetError(f"{self.url}: {done} of {size_bytes} bytes arrived; run again")
        return hasher.hexdigest()

    def _refused(self, answer: Answer) -> ProviderError:
        return self._refusal(answer.status)

    def _refusal(self, status: int) -> ProviderError:
        reason = f"{self.url} answers {status}; name the final address of a public zip, without redirects"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return ProviderUnavailable(reason, provider=_PROVIDER, status=status)
        return RequestRefused(reason, provider=_PROVIDER, status=status)
