"""Multipart uploads that outlive the process that began them."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tuneloop.errors import StoreError, StoreUnavailable
from tuneloop.storage.s3_answers import of_an_object
from tuneloop.storage.s3_errors import s3_refusals, upload_refusals
from tuneloop.storage.s3_part import Place, send_part
from tuneloop.storage.upload import Part, Upload, UploadGone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, PartTypeDef

# Before each attempt to write. boto3 has already asked several times within one.
PAUSES_S = (0.0, 0.2, 1.0)


class S3Upload(Upload):
    """One multipart upload, by its id. Several processes may send its parts: they are all of one file.

    Args:
        client: boto3's S3 client.
        place: Bucket, key and id of the upload.
        parts: Every part of the file.
        exists: Tells whether something has the key.
    """

    def __init__(self, client: S3Client, place: Place, parts: Sequence[Part], exists: Callable[[], bool]) -> None:
        super().__init__()
        self._client = client
        self._place = place
        self._parts = parts
        self._exists = exists

    def done(self) -> dict[int, int]:
        """Number and size of every part that is there. See `Upload.done`."""
        return {part["PartNumber"]: part["Size"] for part in self._listed()}

    def complete(self) -> bool:
        """Let the object appear. See `Upload.complete`."""
        # Ceph 16 for one ignores the condition of a completion: asking before it leaves a gap of one
        # request, in which a second upload of the same weights may replace the first.
        if not self._exists() and completed(self._complete, self._exists):
            return True
        with suppress(StoreError):
            abort(self._client, self._place)
        return False

    def close(self) -> None:
        """Nothing is held here. See `Upload.close`."""

    def _write(self, part: Part, chunks: Iterable[bytes]) -> None:
        send_part(self._client, self._place, part.number, part.size, chunks)

    def _complete(self) -> None:
        # Listed anew each time: another process may have sent a part again, under another ETag.
        listed = {part["PartNumber"]: part for part in self._listed()}
        sizes = {number: part["Size"] for number, part in listed.items()}
        if sizes != {part.number: part.size for part in self._parts}:
            raise StoreError(
                f"{self._thing}: the S3 server lists parts of other sizes than were sent, and nothing was stored. "
                "Run again; if that ends the same way, use another server."
            )
        parts: list[CompletedPartTypeDef] = [
            {"PartNumber": number, "ETag": listed[number]["ETag"]} for number in sorted(listed)
        ]
        with self._refusals():
            of_an_object(
                self._client.complete_multipart_upload(
                    Bucket=self._place.bucket,
                    Key=self._place.key,
                    UploadId=self._place.upload_id,
                    MultipartUpload={"Parts": parts},
                    IfNoneMatch="*",
                )
            )

    def _listed(self) -> list[PartTypeDef]:
        pages = self._client.get_paginator("list_parts").paginate(
            Bucket=self._place.bucket, Key=self._place.key, UploadId=self._place.upload_id
        )
        with self._refusals():
            return [part for page in pages for part in page.get("Parts", ())]

    @property
    def _thing(self) -> str:
        return f"s3://{self._place.bucket}/{self._place.key}"

    def _refusals(self) -> AbstractContextManager[None]:
        return upload_refusals(self._thing, self._client.meta.endpoint_url)


def begin(client: S3Client, bucket: str, key: str) -> str:
    """Begin an upload. Returns its id."""
    with s3_refusals(f"s3://{bucket}/{key}", client.meta.endpoint_url):
        return client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]


def abort(client: S3Client, place: Place) -> None:
    """Give an upload up, with its parts. Absent is fine."""
    with (
        suppress(UploadGone),
        upload_refusals(f"s3://{place.bucket}/{place.key}", client.meta.endpoint_url),
    ):
        client.abort_multipart_upload(Bucket=place.bucket, Key=place.key, UploadId=place.upload_id)


def completed(complete: Callable[[], None], exists: Callable[[], bool]) -> bool:
    """Complete an upload whatever answers are lost.

    Args:
        complete: Sends the completion; it is sent again where nobody can tell whether it arrived.
        exists: Tells whether something has the key.

    Returns:
        False where something has it that need not be ours.
    """
    last: StoreUnavailable | None = None
    for pause_s in PAUSES_S:
        time.sleep(pause_s)
        try:
            complete()
        except StoreUnavailable as error:
            last = error
        else:
            return True
        try:
            if exists():
                return False
        except StoreUnavailable as error:
            last = error
    if isinstance(last, UploadGone):
        raise last
    raise StoreUnavailable(f"Nobody can tell whether it was written: {last}") from last
