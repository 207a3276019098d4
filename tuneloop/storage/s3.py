"""The artifact store on S3."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from tuneloop.clock import now, offset_s
from tuneloop.errors import ConfigurationError, ObjectNotFound
from tuneloop.http.addresses import check_encrypted
from tuneloop.storage.base import Store, checked_marker, checked_name, checked_page, checked_prefix, is_name
from tuneloop.storage.s3_errors import checked_object, list_pages, s3_errors
from tuneloop.storage.s3_logs import guard_s3_logs
from tuneloop.storage.s3_upload import S3Upload, UploadLocation, abort, write_conditionally
from tuneloop.storage.upload import PART_SIZE, Part

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_READ_AHEAD = 1 << 20
_CACHED = (
    "accounts/", "budget/", "datasets/", "drivers/", "models/", "images/", "renders/",
    "retrain-reasons/", "runs/", "trainings/",
)  # fmt: skip
"""Written once and read again. Not `store.json`, by which a run shows that the store is still the same one, nor
what is deleted (`inflight/`), nor weights, which are read to prove what they are."""
_MAX_OBJECT_BYTES = 4 << 20
_MAX_CACHE_BYTES = 24 << 20


def client_config() -> Config:
    """Settings of the boto3 client that an `S3Store` is given. From here on boto3's log lines are guarded.

    Resending is safe: every write here is either conditional, or part of an upload that is completed once. Nothing
    is said of checksums: that is the user's, in the block or in boto3's own environment variables.
    """
    guard_s3_logs()
    return Config(
        retries={"mode": "standard", "total_max_attempts": 4},
        connect_timeout=10,
        read_timeout=60,
        signature_version="s3v4",
    )


class S3Store(Store):
    """A store below a prefix of an existing S3 bucket; an empty one is the whole bucket.

    The client is made with `client_config()`. A resumable upload takes no memory for its parts.
    """

    distant = True

    def __init__(self, client: S3Client, bucket: str, prefix: str = "", *, part_size: int = PART_SIZE) -> None:
        prefix = prefix.strip("/")
        if prefix and not is_name(prefix):
            raise ConfigurationError(
                f"{prefix!r} cannot be the prefix of a store: use A-Z a-z 0-9 . _ - with / between parts."
            )
        endpoint = client.meta.endpoint_url
        check_encrypted(endpoint, f"the store s3://{bucket}", "images, weights and signed addresses")
        self.client = client
        """Datasets in other buckets of the server are read with it too."""
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self.part_size = part_size
        self.uri = f"s3://{bucket}/{prefix}".rstrip("/")

    def create(self, name: str, data: bytes) -> bool:
        key = self._key(name)

        def put() -> None:
            with self._errors(name):
                response = self.client.put_object(Bucket=self._bucket, Key=key, Body=data, IfNoneMatch="*")
                checked_object(response)

        def is_ours() -> bool | None:
            try:
                return self.read(name) == data
            except ObjectNotFound:
                return None

        return write_conditionally(put, is_ours)

    def rewrite(self, name: str, data: bytes) -> None:
        key = self._key(checked_page(name))
        with self._errors(name):
            checked_object(self.client.put_object(Bucket=self._bucket, Key=key, Body=data))

    def _get(self, name: str) -> GetObjectOutputTypeDef:
        return checked_object(self.client.get_object(Bucket=self._bucket, Key=self._key(name)))

    def read(self, name: str) -> bytes:
        with self._errors(name):
            return self._get(name)["Body"].read()

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        with self._errors(name):
            body = self._get(name)["Body"]
        raw = _BodyStream(body, self.uri_of(name), self.client.meta.endpoint_url)
        with closing(io.BufferedReader(raw, _READ_AHEAD)) as stream:
            yield stream

    def size(self, name: str) -> int | None:
        size_bytes = self._head(name)
        if size_bytes is None:
            # A response to HEAD has no body: a missing bucket looks like a missing object.
            with self._errors(name):
                self.client.head_bucket(Bucket=self._bucket)
        return size_bytes

    def seems_absent(self, name: str) -> bool:
        # One request: that there is a bucket is shown by the write.
        return self._head(name) is None

    def _head(self, name: str) -> int | None:
        key = self._key(name)
        with self._errors(name):
            try:
                return checked_object(self.client.head_object(Bucket=self._bucket, Key=key))["ContentLength"]
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND:
                    raise
        return None

    def names(self, prefix: str) -> Iterator[str]:
        return (name for name, _ in self.written(prefix))

    def written(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        start = self._prefix + checked_prefix(prefix)
        with self._errors(prefix):
            found = [
                (item["Key"].removeprefix(self._prefix), item["LastModified"])
                for page in list_pages(self.client, self._bucket, start)
                for item in page.get("Contents", ())
            ]
        return iter(sorted(item for item in found if is_name(item[0])))

    def begin_upload(self, name: str) -> str:
        key = self._key(name)
        with self._errors(name):
            return self.client.create_multipart_upload(Bucket=self._bucket, Key=key)["UploadId"]

    def open_upload(self, name: str, upload: str, parts: Sequence[Part]) -> S3Upload:
        return S3Upload(self.client, self._place(name, upload), parts, lambda: not self.seems_absent(name))

    def drop_upload(self, name: str, upload: str) -> None:
        abort(self.client, self._place(name, upload))

    def sweep(self, prefix: str, older_than: timedelta) -> int:
        before = now() - older_than
        dropped = 0
        for name, upload in self._unfinished(prefix, before):
            if self.exists(name) or not self._is_named_since(name, upload, before):
                self.drop_upload(name, upload)
                dropped += 1
        return dropped

    def delete_marker(self, name: str) -> None:
        key = self._key(checked_marker(name))
        with self._errors(name):
            self.client.delete_object(Bucket=self._bucket, Key=key)

    def presigned_url(self, name: str, lifetime: timedelta) -> str:
        """See `Store.presigned_url`. A page is shown by a browser, which objects are not as they are stored."""
        parameters = {"Bucket": self._bucket, "Key": self._key(name)}
        if name.endswith(".html"):
            parameters["ResponseContentType"] = "text/html; charset=utf-8"
        with self._errors(name):
            return self.client.generate_presigned_url(
                "get_object", Params=parameters, ExpiresIn=int(lifetime.total_seconds())
            )

    def read_with_clock(self, name: str) -> tuple[bytes, float | None]:
        # By the `Date` of the response (RFC 9110, 6.6.1).
        before = now()
        with self._errors(name):
            response = self._get(name)
            data = response["Body"].read()
        try:
            theirs = parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"].get("date", ""))
        except ValueError:
            return data, None
        return data, offset_s(theirs.astimezone(UTC), before)

    def _unfinished(self, prefix: str, before: datetime) -> list[tuple[str, str]]:
        pages = self.client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket, Prefix=self._prefix + checked_prefix(prefix)
        )
        with self._errors(prefix):
            found = [
                (item["Key"].removeprefix(self._prefix), item["UploadId"])
                for page in pages
                for item in page.get("Uploads", ())
                if item["Initiated"] < before
            ]
        return [item for item in found if is_name(item[0])]

    def _is_named_since(self, name: str, upload: str, before: datetime) -> bool:
        """Return True if a young transfer record names the upload: another process may resume it."""
        return any(
            upload.encode() in self.read(record)
            for record, written in self.written(f"transfers/{name}/")
            if written >= before
        )

    def _place(self, name: str, upload: str) -> UploadLocation:
        return UploadLocation(self._bucket, self._key(name), upload)

    def _key(self, name: str) -> str:
        return self._prefix + checked_name(name)

    def _errors(self, name: str) -> AbstractContextManager[None]:
        return s3_errors(self.uri_of(name), self.client.meta.endpoint_url)


class _BodyStream(io.RawIOBase):
    """boto3's body as an ordinary stream; a body that breaks off in the middle is `StoreUnavailable`."""

    def __init__(self, body: StreamingBody, thing: str, endpoint: str) -> None:
        self._body = body
        self._thing = thing
        self._endpoint = endpoint

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        with s3_errors(self._thing, self._endpoint):
            return self._body.readinto(buffer)  # type: ignore[arg-type]  # the stubs take a file

    def close(self) -> None:
        self._body.close()
        super().close()


class CachingS3Store(S3Store):
    """A store below a prefix of an S3 bucket, for the length of one run.

    What exists is requested each time, by lists and sizes; only the content of what is never written twice is
    cached. Absence never is.
    """

    def __init__(self, client: S3Client, bucket: str, prefix: str = "", **options: Any) -> None:
        super().__init__(client, bucket, prefix, **options)
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def create(self, name: str, data: bytes) -> bool:
        won = super().create(name, data)
        if won:
            self._put(name, data)
        return won

    def read(self, name: str) -> bytes:
        data = self._cached(name)
        if data is None:
            data = super().read(name)
            self._put(name, data)
        return data

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        data = self._cached(name)
        with super().open(name) if data is None else io.BytesIO(data) as stream:
            yield stream

    def _cached(self, name: str) -> bytes | None:
        with self._lock:
            data = self._cache.get(name)
            if data is not None:
                self._cache.move_to_end(name)
            return data

    def _put(self, name: str, data: bytes) -> None:
        if len(data) > _MAX_OBJECT_BYTES or not name.startswith(_CACHED) or name.endswith(".html"):
            return
        with self._lock:
            self._bytes += len(data) - len(self._cache.pop(name, b""))
            self._cache[name] = bytes(data)
            while self._bytes > _MAX_CACHE_BYTES:
                self._bytes -= len(self._cache.popitem(last=False)[1])
