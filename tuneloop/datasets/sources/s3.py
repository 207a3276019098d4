"""Datasets on S3: everything below a prefix, or one zip, each object fetched as it was listed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from tuneloop.datasets.sources import Progress, limits
from tuneloop.datasets.sources.fetching import RemoteFile, check_files, fetch_all
from tuneloop.datasets.sources.names import is_system_path
from tuneloop.errors import DatasetError, DatasetUnavailable
from tuneloop.http.addresses import check_encrypted
from tuneloop.storage.s3 import client_config
from tuneloop.storage.s3_errors import NO_CREDENTIALS, NO_RESPONSE, UNREADABLE, checked_object, list_pages

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PIECE_BYTES = 1 << 20
_TRIES = 3
# Names of buckets and of access points, also those of other kinds of servers.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{1,254}")
_MISSING = "there is no such bucket; correct its name"
_RIGHTS = (
    "these credentials may not read it; allow them s3:ListBucket on the bucket and s3:GetObject on its objects"
)
_KEYS = "the credentials are not accepted; correct them in the store's block or in the worker's environment"
_REGION = "the bucket is in another region; set that one in the store's block or in AWS_DEFAULT_REGION"
_CHANGED = "it changed while it was read; run again"
_MEANINGS = {
    **dict.fromkeys(("NoSuchBucket", "404", "InvalidBucketName"), _MISSING),
    **dict.fromkeys(("NoSuchKey", "PreconditionFailed", "412"), _CHANGED),
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "403"), _RIGHTS),
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "400"), _KEYS),
    **dict.fromkeys(("PermanentRedirect", "AuthorizationHeaderMalformed", "301"), _REGION),
    "InvalidObjectState": "it is archived; restore it first",
    "RequestTimeTooSkewed": "the clock of this machine is wrong; set it",
}


class S3Location(NamedTuple):
    """What an address of S3 names."""

    bucket: str
    key: str
    """A prefix without a slash at its end, a key, or empty for a whole bucket."""
    is_zip: bool

    @property
    def label(self) -> str:
        return f"s3://{self.bucket}/{self.key}".rstrip("/")


def parse_s3_uri(address: str) -> S3Location:
    """Read an address, `s3://bucket/prefix`. Raises `DatasetError` where it is none."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if "@" in bucket:
        raise DatasetError("the dataset's address holds credentials; write s3://bucket/prefix alone")
    if not _BUCKET.fullmatch(bucket):
        raise DatasetError(f"{address!r} names no bucket; write s3://bucket/prefix")
    return S3Location(bucket, key.rstrip("/"), key.lower().endswith(".zip"))


def default_client(bucket: str) -> S3Client:
    """A client with the credentials that boto3 finds by itself. Raises `DatasetError` where it cannot be made."""
    try:
        client = boto3.client("s3", config=client_config())
        check_encrypted(client.meta.endpoint_url, "the S3 server", "the images")
    except (BotoCoreError, ValueError) as error:
        raise DatasetError(f"s3://{bucket}: {error}; correct the S3 settings of the worker") from error
    return client


def fetch_from_s3(place: S3Location, client: S3Client, folder: Path, on_progress: Progress | None = None) -> Path:
    """Fetch a zip, or everything below a prefix with the folders that the keys name, into a folder.

    Raises `DatasetError`; names and sizes are checked before anything is fetched. Returns where the zip is, or
    the folder.
    """
    found, stop = list_objects(place, client), Event()
    if place.is_zip:
        _fetch(found[0], place.bucket, client, folder, stop, on_progress)
        return folder / found[0].name
    fetch_all(lambda item: _fetch(item, place.bucket, client, folder, stop), found, on_progress, stop)
    return folder


def list_objects(place: S3Location, client: S3Client) -> list[RemoteFile]:
    """List what would be fetched, and fetch nothing. Raises `DatasetError` as the fetching would."""
    with s3_errors(place.label):
        return [_listed_zip(place, client)] if place.is_zip else _listed(place, client)


def _listed_zip(place: S3Location, client: S3Client) -> RemoteFile:
    # Asked for by a list: an answer to HEAD has no body, and a missing bucket looks like a missing object.
    first = next(list_pages(client, place.bucket, place.key, page_size=1))
    for item in first.get("Contents", ()):
        if item["Key"] == place.key:
            size_bytes = item["Size"]
            if size_bytes > limits.MAX_ZIP_BYTES:
                raise DatasetError(
                    f"{place.label} has {size_bytes:,} bytes; the limit is {limits.MAX_ZIP_BYTES:,}"
                )
            return RemoteFile(place.key, "dataset.zip", size_bytes, item["ETag"], item["LastModified"].isoformat())
    raise DatasetError(f"{place.label}: there is no such object; check the address")


def _listed(place: S3Location, client: S3Client) -> list[RemoteFile]:
    """List a prefix. Stops at the first page with too many objects."""
    prefix = f"{place.key}/" if place.key else ""
    found: dict[str, RemoteFile] = {}
    objects = 0
    for page in list_pages(client, place.bucket, prefix):
        for item in page.get("Contents", ()):
            objects += 1
            key, name = item["Key"], _name(item["Key"].removeprefix(prefix))
            if name and not is_system_path(name):
                one = RemoteFile(key, name, item["Size"], item["ETag"], item["LastModified"].isoformat())
                other = found.setdefault(name, one)
                if other is not one:
                    raise DatasetError(
                        f"s3://{place.bucket}: the keys {other.key!r} and {key!r} would be one file; rename one"
                    )
        if objects > limits.MAX_FILES:
            raise DatasetError(
                f"{place.label} holds more than {limits.MAX_FILES:,} objects; name a smaller folder"
            )
    if not found:
        raise DatasetError(f"{place.label}: there is nothing below this address; check bucket and prefix")
    files = list(found.values())
    called = f"s3://{place.bucket}: the key"
    check_files(files, place.label, lambda one: f"{called} {one.key!r}", limits.MAX_FILE_BYTES)
    return files


def _name(below: str) -> str:
    """The file's name: slashes that stand alone count once, as for the AWS command line, and so does `a/./b`.

    Whatever its size, a key with a slash at its end is the mark of a folder and no file: empty.
    """
    if below.endswith("/"):
        return ""
    return "/".join(part for part in below.split("/") if part not in {"", "."})


def _fetch(
    item: RemoteFile,
    bucket: str,
    client: S3Client,
    folder: Path,
    stop: Event,
    on_progress: Progress | None = None,
) -> None:
    """Fetch one object, again from its start where the connection is cut: boto3 repeats only requests."""
    target, thing = folder / item.name, f"s3://{bucket}/{item.key}"
    for tries_left in reversed(range(_TRIES)):
        try:
            for done in _written(item, target, thing, _pieces(item, bucket, client)):
                if stop.is_set():
                    return
                if on_progress is not None:
                    on_progress(done, item.size_bytes)
        except DatasetUnavailable:
            if not tries_left:
                raise
            target.unlink(missing_ok=True)
        else:
            return


def _written(item: RemoteFile, target: Path, thing: str, pieces: Iterator[bytes]) -> Iterator[int]:
    """Write piece by piece. Produces the bytes so far; whoever is told stays outside of the `try`."""
    done = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as written:
            for piece in pieces:
                done += len(piece)
                written.write(piece)
                yield done
    except FileExistsError:
        # Two keys that are one name to this file system: it may know no capital letters.
        raise DatasetError(f"{thing}: two objects have this name; rename one of them") from None
    except OSError as error:
        raise DatasetError(
            f"{thing} cannot be written to {target.parent} ({error.strerror}); make room there"
        ) from error
    if done != item.size_bytes:
        raise DatasetUnavailable(f"{thing}: {done:,} of {item.size_bytes:,} bytes arrived; run again")


def _pieces(item: RemoteFile, bucket: str, client: S3Client) -> Iterator[bytes]:
    with s3_errors(f"s3://{bucket}/{item.key}"):
        answer = client.get_object(Bucket=bucket, Key=item.key, IfMatch=item.etag)
        body = checked_object(answer)["Body"]
        with body:
            while piece := body.read(_PIECE_BYTES):
                yield piece


@contextmanager
def s3_errors(thing: str) -> Iterator[None]:
    """Turn errors of boto3 into a sentence about the dataset; `tuneloop.storage` has others, about a store.

    Raises `DatasetError`.
    """
    try:
        yield
    except DatasetError:
        raise
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        kind = DatasetUnavailable if status >= HTTPStatus.INTERNAL_SERVER_ERROR else DatasetError
        raise kind(f"{thing}: {_meaning(error)}") from error
    except NO_CREDENTIALS as error:
        raise DatasetError(
            f"{thing}: there are no credentials for S3; keep the store on S3 too, whose block has some, or put "
            "them into the worker's environment"
        ) from error
    except NO_RESPONSE as error:
        raise DatasetUnavailable(
            f"{thing}: S3 gave no complete response ({type(error).__name__}); run again"
        ) from error
    except ParamValidationError as error:
        raise DatasetError(f"{thing}: {_MISSING}") from error
    except BotoCoreError as error:
        raise DatasetError(f"{thing}: {error}; correct the S3 settings of the worker") from error
    except RecursionError as error:
        # boto3 asks for the region of a bucket that it is sent elsewhere for, is sent elsewhere, and asks again.
        raise DatasetError(f"{thing}: {_REGION} (S3 sends requests elsewhere and does not say where)") from error
    except UNREADABLE as error:
        raise DatasetError(
            f"{thing}: the server that responds is not S3; check the S3 settings of the worker, and whether "
            "a proxy answers in its place"
        ) from error


def _meaning(error: ClientError) -> str:
    code = str(error.response.get("Error", {}).get("Code", ""))
    details = error.response.get("ResponseMetadata", {})
    about = f"S3 answered {code}, request id {details.get('RequestId') or 'none given'}"
    return f"{_MEANINGS.get(code, 'it cannot be read; run again later, or ask its owner')} ({about})"
