"""Files at public addresses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from tuneloop.errors import DatasetError, ProviderError, ProviderUnavailable, RequestRefused
from tuneloop.http.answer import Answer
from tuneloop.transport import Transport


class PublicFile:
    """A file at a public address: no key, no redirect.

    Args:
        url: Where it lies.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._transport = Transport("the dataset's server", url, None, self._refused)

    def head(self) -> tuple[int, str | None]:
        """Size in bytes and ETag. Raises `DatasetError` where HEAD is not answered as a provider needs it."""
        answer = self._transport.head(self.url)
        length = answer.headers.get("content-length", "")
        if not length.isdecimal():
            raise DatasetError(f"{self.url} answers HEAD without a Content-Length; put it on a server that does")
        return int(length), answer.headers.get("etag")

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
        with self._transport.open_stream(self.url) as (announced, chunks), target.open("xb") as file:
            if announced != size_bytes:
                raise DatasetError(f"{self.url} answers GET and HEAD with different lengths; use another server")
            for chunk in chunks:
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
        reason = f"{self.url} answers {answer.status}; name the final address of a public zip, without redirects"
        if answer.status >= 500:  # noqa: PLR2004
            return ProviderUnavailable(reason, **answer.details)
        return RequestRefused(reason, **answer.details)
