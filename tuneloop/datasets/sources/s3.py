"""Datasets on S3: everything below a prefix, or one zip, each object fetched as it was listed."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import boto3
from botocore.exceptions import BotoCoreError

from tuneloop.datasets.parallel import bounded_map
from tuneloop.datasets.sources import Progress, limits
from tuneloop.datasets.sources.names import check_unique, is_system_path, name_problem
from tuneloop.datasets.sources.s3_errors import DownloadInterrupted, s3_errors
from tuneloop.errors import DatasetError
from tuneloop.storage.s3 import client_config
from tuneloop.storage.s3_errors import checked_object, list_pages

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_FILES_AT_A_TIME = 8
_PIECE_BYTES = 1 << 20
_TRIES = 3
# Names of buckets and of access points, also those of other kinds of servers.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{1,254}")


class S3Location(NamedTuple):
    """What an address of S3 names."""

    bucket: str
    key: str
    """A prefix without a slash at its end, a key, or empty for a whole bucket."""

    @property
    def label(self) -> str:
        """The address."""
        return f"s3://{self.bucket}/{self.key}".rstrip("/")


class S3Entry(NamedTuple):
    """An object that becomes a file."""

    key: str
    name: str
    """Name of the file, relative and safe."""
    etag: str
    size_bytes: int
    modified: datetime


def parse_s3_uri(address: str) -> S3Location:
    """Read an address, `s3://bucket/prefix`. Raises `DatasetError` where it is none."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if "@" in bucket:
        raise DatasetError("the dataset's address holds credentials; write s3://bucket/prefix alone")
    if not _BUCKET.fullmatch(bucket):
        raise DatasetError(f"{address!r} names no bucket; write s3://bucket/prefix")
    return S3Location(bucket, key.rstrip("/"))


def is_zip(address: str) -> bool:
    """Return True if an address on S3 names one zip and not a folder."""
    return parse_s3_uri(address).key.lower().endswith(".zip") and not address.endswith("/")


def default_client(bucket: str) -> S3Client:
    """A client with the credentials that boto3 finds by itself. Raises `DatasetError` where it cannot be made."""
    try:
        return boto3.client("s3", config=client_config())
    except (BotoCoreError, ValueError) as error:
        raise DatasetError(f"s3://{bucket}: {error}; correct the S3 settings of the worker") from error


def fetch_zip(place: S3Location, client: S3Client, archive: Path, on_progress: Progress | None = None) -> None:
    """Fetch one object into `archive`, which must not exist. Raises `DatasetError`."""
    found = _listed_zip(place, client)._replace(name=archive.name)
    Downloader(client, place.bucket, archive.parent).fetch(found, on_progress)


def list_objects(place: S3Location, client: S3Client, *, is_zip: bool) -> list[S3Entry]:
    """List what would be fetched, and fetch nothing. Raises `DatasetError` as the fetching would."""
    return [_listed_zip(place, client)] if is_zip else _listed(place, client)


def _listed_zip(place: S3Location, client: S3Client) -> S3Entry:
    with s3_errors(place.label):
        # Asked for by a list: an answer to HEAD has no body, and a missing bucket looks like a missing object.
        first = next(list_pages(client, place.bucket, place.key, page_size=1))
    items = [item for item in first.get("Contents", ()) if item["Key"] == place.key]
    if not items:
        raise DatasetError(f"{place.label}: there is no such object; check the address")
    size_bytes = items[0]["Size"]
    if size_bytes > limits.MAX_ZIP_BYTES:
        raise DatasetError(
            f"{place.label} has {size_bytes:,} bytes; {limits.MAX_ZIP_BYTES:,} is the most that is fetched"
        )
    return S3Entry(place.key, place.key, items[0]["ETag"], size_bytes, items[0]["LastModified"])


def fetch_folder(place: S3Location, client: S3Client, folder: Path, on_progress: Progress | None = None) -> None:
    """Fetch everything below a prefix into a folder, with the folders that the keys name.

    Raises:
        DatasetError: Names the object, the reason and the remedy; names and sizes are checked before anything
            is fetched.
    """
    found = _listed(place, client)
    done, total = 0, sum(item.size_bytes for item in found)
    downloader = Downloader(client, place.bucket, folder)

    def fetch(item: S3Entry) -> None:
        try:
            downloader.fetch(item)
        except BaseException:
            downloader.stop.set()  # nobody needs what else is under way, and it may be large
            raise

    with closing(bounded_map(fetch, found, _FILES_AT_A_TIME)) as fetched:
        try:
            for item, _ in zip(found, fetched, strict=True):
                done += item.size_bytes
                if on_progress is not None:
                    on_progress(done, total)
        finally:
            downloader.stop.set()


def _listed(place: S3Location, client: S3Client) -> list[S3Entry]:
    """List a prefix, and stop at the first page that is too much."""
    prefix = f"{place.key}/" if place.key else ""
    found: list[S3Entry] = []
    objects = total = 0
    with s3_errors(place.label):
        for page in list_pages(client, place.bucket, prefix):
            for item in page.get("Contents", ()):
                objects += 1
                name = _name(item["Key"].removeprefix(prefix))
                if name and not is_system_path(name):
                    found.append(S3Entry(item["Key"], name, item["ETag"], item["Size"], item["LastModified"]))
                    total += item["Size"]
            if objects > limits.MAX_FILES:
                raise DatasetError(
                    f"{place.label} holds more than {limits.MAX_FILES:,} objects; name a smaller folder"
                )
            if total > limits.MAX_DATASET_BYTES:
                raise DatasetError(
                    f"{place.label} holds more than {limits.MAX_DATASET_BYTES:,} bytes; name a smaller folder"
                )
    if not found:
        raise DatasetError(f"{place.label}: there is nothing below this address; check bucket and prefix")
    by_name: dict[str, S3Entry] = {}
    for one in found:
        problem = name_problem(one.name) or _size_problem(one)
        if problem is not None:
            raise DatasetError(f"s3://{place.bucket}: the key {one.key!r} {problem}")
        other = by_name.setdefault(one.name, one)
        if other is not one:
            raise DatasetError(
                f"s3://{place.bucket}: the keys {other.key!r} and {one.key!r} would be one file; rename one"
            )
    check_unique(by_name, place.label)
    return found


def _name(below: str) -> str:
    """The file's name: slashes that stand alone count once, as for the AWS command line, and so does `a/./b`.

    Whatever its size, a key with a slash at its end is the mark of a folder and no file: empty.
    """
    if below.endswith("/"):
        return ""
    return "/".join(part for part in below.split("/") if part not in {"", "."})


def _size_problem(item: S3Entry) -> str | None:
    if item.size_bytes > limits.MAX_FILE_BYTES:
        return f"has {item.size_bytes:,} bytes; {limits.MAX_FILE_BYTES:,} is the most for one file"
    return None


class Downloader:
    """Fetches objects, by as many threads as call it, each with memory for one piece."""

    def __init__(self, client: S3Client, bucket: str, folder: Path) -> None:
        self._client = client
        self._bucket = bucket
        self._folder = folder
        self.stop = threading.Event()
        """Set where nobody waits for the files any more."""

    def fetch(self, item: S3Entry, on_progress: Progress | None = None) -> None:
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
        with s3_errors(thing):
            answer = self._client.get_object(Bucket=self._bucket, Key=item.key, IfMatch=item.etag)
            body = checked_object(answer)["Body"]
            with body:
                while piece := body.read(_PIECE_BYTES):
                    yield piece
