"""Uploads in parts: large objects on S3 with memory for one part."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from tuneloop.errors import StoreError
from tuneloop.storage.s3_answers import of_an_object
from tuneloop.storage.s3_errors import s3_refusals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef


def cut(chunks: Iterable[bytes], part_size: int) -> Iterator[io.BytesIO]:
    """Cut a stream into parts of one size.

    Args:
        chunks: The stream, in pieces of any size.
        part_size: Bytes per part.

    Yields:
        Full parts, and at last what remains; one empty part for an empty stream. It is one buffer, filled
        anew each time: what is kept of it changes.
    """
    part = io.BytesIO()
    full = 0
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            taken = rest[: part_size - part.tell()]
            part.write(taken)
            rest = rest[len(taken) :]
            if part.tell() == part_size:
                full += 1
                part.seek(0)
                yield part
                part.seek(0)
                part.truncate()
    if part.tell() or not full:
        part.seek(0)
        yield part


class MultipartUpload:
    """One multipart upload, aborted at the end of the `with` block unless completed.

    A killed process leaves its parts in the bucket, unseen but billed: give the bucket a lifecycle rule
    with `AbortIncompleteMultipartUpload`.

    Args:
        client: boto3's S3 client.
        bucket: The bucket.
        key: Key of the object in it.
    """

    def __init__(self, client: S3Client, bucket: str, key: str) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._parts: list[CompletedPartTypeDef] = []
        self._completed = False
        with self._refusals():
            self._id = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._completed:
            return
        # The upload may be gone, and an error that is under way says more than one from here.
        with suppress(StoreError), self._refusals():
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._id)

    def add(self, part: io.BytesIO) -> None:
        """Upload the next part."""
        number = len(self._parts) + 1
        with self._refusals():
            answer = self._client.upload_part(
                Bucket=self._bucket, Key=self._key, UploadId=self._id, PartNumber=number, Body=part
            )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})

    def complete(self) -> None:
        """Let the object appear, if nothing has its key. Raises `Conflict` where something may have it."""
        with self._refusals():
            of_an_object(
                self._client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=self._key,
                    UploadId=self._id,
                    MultipartUpload={"Parts": self._parts},
                    IfNoneMatch="*",
                )
            )
        self._completed = True

    def _refusals(self) -> AbstractContextManager[None]:
        return s3_refusals(f"s3://{self._bucket}/{self._key}", self._client.meta.endpoint_url)
