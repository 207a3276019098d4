"""Multipart uploads that outlive the process that began them, their parts streamed to S3 as they come in.

boto3 reads a body before it sends it: for the signature over plain HTTP, for its checksums everywhere. A presigned
address leaves the body out of the signature, so that a part of any size needs no memory. boto3's managed transfer
is of no use here: it has no conditional completion (s3transfer 0.19), and nothing of it can be resumed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.awsrequest import AWSPreparedRequest, HeadersDict
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import create_parser

from tuneloop.errors import StoreError, StoreUnavailable
from tuneloop.http.bodies import RequestBody
from tuneloop.storage.s3_errors import NotS3Response, checked_object, host_of, s3_upload_errors
from tuneloop.storage.s3_logs import guard_s3_logs
from tuneloop.storage.upload import Chunk, Part, Upload, UploadGone

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedMultipartUploadTypeDef, PartTypeDef

_VALID_S = 3600
"""How long a part may wait before its first byte; an upload that is under way is not cut off."""
_PIECE_BYTES = 128 << 10
"""Sent at once. The library applies the connect time-out to every piece, and a connection may be slow."""
# Before each attempt to write. boto3 has already tried several times within one.
_PAUSES_S = (0.0, 0.2, 1.0)


class UploadLocation(NamedTuple):
    """Where a part goes."""

    bucket: str
    key: str
    upload_id: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def arguments(self) -> Any:
        return {"Bucket": self.bucket, "Key": self.key, "UploadId": self.upload_id}


class S3Upload(Upload):
    """One multipart upload, by its id. Several processes may send its parts: they are all of one file."""

    def __init__(
        self, client: S3Client, place: UploadLocation, parts: Sequence[Part], exists: Callable[[], bool]
    ) -> None:
        super().__init__(parts)
        self._client, self._place, self._exists = client, place, exists

    def done(self) -> dict[int, int]:
        return {part["PartNumber"]: part["Size"] for part in self._listed()}

    def complete(self) -> bool:
        # Ceph 16 for one ignores the condition of a completion: asking before it leaves a gap of one
        # request, in which a second upload of the same weights may replace the first.
        if not self._exists() and write_conditionally(self._complete, lambda: False if self._exists() else None):
            return True
        with suppress(StoreError):
            abort(self._client, self._place)
        return False

    def close(self) -> None:
        """Nothing is held here."""

    def _write(self, part: Part, chunks: Iterable[Chunk]) -> None:
        send_part(self._client, self._place, part.number, part.size, chunks)

    def _complete(self) -> None:
        # Listed anew each time: another process may have sent a part again, under another ETag.
        listed = {part["PartNumber"]: part for part in self._listed()}
        sizes = {number: part["Size"] for number, part in listed.items()}
        if sizes != {part.number: part.size for part in self._parts}:
            raise StoreError(
                f"{self._place.uri}: the S3 server lists parts of other sizes than were sent, and nothing was "
                "stored. Run again; if that ends the same way, use another server."
            )
        whole: CompletedMultipartUploadTypeDef = {
            "Parts": [{"PartNumber": number, "ETag": listed[number]["ETag"]} for number in sorted(listed)]
        }
        with self._errors():
            complete = self._client.complete_multipart_upload
            checked_object(complete(**self._place.arguments, MultipartUpload=whole, IfNoneMatch="*"))

    def _listed(self) -> list[PartTypeDef]:
        pages = self._client.get_paginator("list_parts").paginate(**self._place.arguments)
        with self._errors():
            return [part for page in pages for part in page.get("Parts", ())]

    def _errors(self) -> AbstractContextManager[None]:
        return s3_upload_errors(self._place.uri, self._client.meta.endpoint_url)


def abort(client: S3Client, place: UploadLocation) -> None:
    """Give an upload up, with its parts. Absent is fine."""
    with suppress(UploadGone), s3_upload_errors(place.uri, client.meta.endpoint_url):
        client.abort_multipart_upload(**place.arguments)


def write_conditionally(write: Callable[[], object], outcome: Callable[[], bool | None]) -> bool:
    """Send a conditional write, again and again without harm, until its outcome is known.

    `outcome` reads whether what is there is ours; None where nothing is there (yet).
    """
    last: StoreUnavailable | None = None
    for pause_s in _PAUSES_S:
        time.sleep(pause_s)
        try:
            write()
        except StoreUnavailable as error:
            last = error
        else:
            return True
        try:
            if (won := outcome()) is not None:
                return won
        except StoreUnavailable as error:
            last = error
    if isinstance(last, UploadGone):
        raise last
    raise StoreUnavailable(f"It is not known whether it was written: {last}") from last


def send_part(
    client: S3Client, place: UploadLocation, number: int, size_bytes: int, chunks: Iterable[Chunk]
) -> None:
    """Send one part, once.

    The ETag of its response is ignored: it is the part's MD5 on some servers only (not with SSE-KMS, for one).
    What counts is the size that the server lists. The source's own errors pass unchanged.
    """
    guard_s3_logs()
    url = client.generate_presigned_url(
        "upload_part", Params={**place.arguments, "PartNumber": number}, ExpiresIn=_VALID_S
    )
    body = RequestBody(_pieces(chunks), size_bytes)
    headers: Any = HeadersDict({"Content-Length": str(size_bytes)})
    streamed: Any = body  # the stubs do not know that any iterable is sent as it comes
    request = AWSPreparedRequest("PUT", url, headers, streamed, False)
    thing = f"{place.uri} (part {number})"
    # The client's own connections: another HTTP library would not know of its proxies, certificates and
    # time-outs. There is no public way to them.
    session: Any = client._endpoint.http_session  # type: ignore[attr-defined]  # noqa: SLF001
    failure = ""
    try:
        response = session.send(request)
    except BotoCoreError as error:
        failure = type(error).__name__
    # Raised out here, where no error of the library is around: theirs hold the whole address.
    if body.error is not None:
        raise body.error
    if failure:
        raise StoreUnavailable(
            f"{thing}: no complete response from the S3 server {host_of(client.meta.endpoint_url)} "
            f"({failure}). Check that it runs and can be reached, then run again."
        )
    if response.status_code != HTTPStatus.OK:
        with s3_upload_errors(thing, client.meta.endpoint_url):
            if response.status_code < HTTPStatus.MULTIPLE_CHOICES:
                raise NotS3Response(f"it answers a part with {response.status_code}")
            answer = {"status_code": response.status_code, "headers": response.headers, "body": response.content}
            raise ClientError(create_parser("rest-xml").parse(answer, None), "UploadPart")  # type: ignore[arg-type]


def _pieces(chunks: Iterable[Chunk]) -> Iterator[memoryview]:
    for chunk in chunks:
        whole = memoryview(chunk)
        for start in range(0, len(whole), _PIECE_BYTES):
            yield whole[start : start + _PIECE_BYTES]
