"""Objects on S3 as files, each fetched as it was listed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tuneloop.datasets.sources.s3_refusals import DownloadInterrupted, s3_refusals
from tuneloop.errors import DatasetError
from tuneloop.storage.s3_answers import of_an_object

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PIECE_BYTES = 1 << 20
_TRIES = 3


class S3Entry(NamedTuple):
    """An object that becomes a file."""

    key: str
    """Its key in the bucket."""
    name: str
    """Name of the file, relative and safe."""
    etag: str
    """The version that was listed."""
    size_bytes: int
    """Its size when it was listed."""
    modified: datetime
    """When it was written, by the server's clock."""


class Downloader:
    """Fetches objects, by as many threads as call it, each with memory for one piece.

    Args:
        client: Reads the bucket; boto3's clients may be used by several threads.
        bucket: Where the objects are.
        folder: Where the files go.
    """

    def __init__(self, client: S3Client, bucket: str, folder: Path) -> None:
        self._client = client
        self._bucket = bucket
        self._folder = folder
        self.stop = threading.Event()
        """Set where nobody waits for the files any more."""

    def fetch(self, item: S3Entry, on_progress: Callable[[int, int | None], None] | None = None) -> None:
        """Fetch one object, again from its start where the connection is cut: boto3 repeats only requests.

        Raises:
            DatasetError: It is gone, has changed since it was listed, or cannot be read or written.
        """
        for tries_left in reversed(range(_TRIES)):
            try:
                for done in self._written(item):
                    if self.stop.is_set():
                        return
                    if on_progress is not None:
                        on_progress(done, item.size_bytes)
            except DownloadInterrupted:
                if not tries_left:
                    raise
                (self._folder / item.name).unlink(missing_ok=True)
            else:
                return

    def _written(self, item: S3Entry) -> Iterator[int]:
        """Write piece by piece. Produces the bytes so far; whoever is told stays outside of the `try`."""
        thing, done = f"s3://{self._bucket}/{item.key}", 0
        target = self._folder / item.name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as written:
                for piece in self._pieces(item, thing):
                    done += len(piece)
                    written.write(piece)
                    yield done
        except FileExistsError:
            # Two keys that are one name to this file system: it may know no capital letters.
            raise DatasetError(f"{thing}: two objects have this name; rename one of them") from None
        except OSError as error:
            raise DatasetError(
                f"{thing} cannot be written to {self._folder} ({error.strerror}); make room there"
            ) from error
        if done != item.size_bytes:
            raise DownloadInterrupted(f"{thing}: {done:,} of {item.size_bytes:,} bytes arrived; run again")

    def _pieces(self, item: S3Entry, thing: str) -> Iterator[bytes]:
        with s3_refusals(thing):
            answer = self._client.get_object(Bucket=self._bucket, Key=item.key, IfMatch=item.etag)
            body = of_an_object(answer)["Body"]
            with body:
                while piece := body.read(_PIECE_BYTES):
                    yield piece
