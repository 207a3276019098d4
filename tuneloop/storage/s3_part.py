"""One part of an upload, streamed to S3 as it comes in.

boto3 reads a body before it sends it: for the signature over plain HTTP, for its checksums everywhere. A
presigned address leaves the body out of the signature, so that a part of any size needs no memory.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, HeadersDict
from botocore.exceptions import BotoCoreError, ClientError

from tuneloop.errors import StoreUnavailable
from tuneloop.storage.s3_errors import upload_refusals
from tuneloop.storage.s3_logs import guard_s3_logs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_s3 import S3Client

_VALID_S = 3600
"""How long a part may wait before its first byte; an upload that is under way is not cut off."""
_PIECE_BYTES = 128 << 10
"""Sent at once. The library takes the time-out for connecting for every piece, and a line may be slow."""
_CODE = re.compile(rb"<Code>([^<]{1,100})</Code>")
_MESSAGE = re.compile(rb"<Message>([^<]{1,300})</Message>")


class Place(NamedTuple):
    """Where a part goes."""

    bucket: str
    key: str
    upload_id: str


class _Body:
    """A body of known length; an error of its own source would come back as one of the connection."""

    def __init__(self, chunks: Iterable[bytes], size_bytes: int) -> None:
        self._chunks = chunks
        self._size_bytes = size_bytes
        self.error: Exception | None = None

    def __len__(self) -> int:
        return self._size_bytes

    def __iter__(self) -> Iterator[memoryview]:
        try:
            for chunk in self._chunks:
                whole = memoryview(chunk)
                for start in range(0, len(whole), _PIECE_BYTES):
                    yield whole[start : start + _PIECE_BYTES]
        except Exception as error:
            self.error = error
            raise


def send_part(client: S3Client, place: Place, number: int, size_bytes: int, chunks: Iterable[bytes]) -> None:
    """Send one part, once.

    Its answer's ETag is not looked at: it is the part's MD5 on some servers only (not with SSE-KMS, for one).
    What counts is the size that the server lists.

    Raises:
        StoreError: As everywhere in this store; the source's own errors pass unchanged.
    """
    guard_s3_logs()
    url = client.generate_presigned_url(
        "upload_part",
        Params={
            "Bucket": place.bucket,
            "Key": place.key,
            "UploadId": place.upload_id,
            "PartNumber": number,
        },
        ExpiresIn=_VALID_S,
    )
    body = _Body(chunks, size_bytes)
    headers: Any = HeadersDict({"Content-Length": str(size_bytes)})
    streamed: Any = body  # the stubs do not know that any iterable is sent as it comes
    request = AWSPreparedRequest("PUT", url, headers, streamed, False)
    thing = f"s3://{place.bucket}/{place.key} (part {number})"
    failure, answer = _sent(client, request)
    # Raised out here, where no error of the library is around: theirs hold the whole address.
    if body.error is not None:
        raise body.error
    if failure:
        server = urlsplit(client.meta.endpoint_url).netloc.rpartition("@")[2]
        raise StoreUnavailable(
            f"{thing}: no whole answer from the S3 server {server} ({failure}). Check that it runs and can be "
            "reached, then run again."
        )
    if answer.status_code != 200:  # noqa: PLR2004
        with upload_refusals(thing, client.meta.endpoint_url):
            raise _refusal(answer)


def _sent(client: S3Client, request: AWSPreparedRequest) -> tuple[str, Any]:
    # The client's own connections: another HTTP library would not know of its proxies, certificates and
    # time-outs. There is no public way to them.
    session: Any = client._endpoint.http_session  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        return "", session.send(request)
    except BotoCoreError as error:
        return type(error).__name__, None


def _refusal(answer: Any) -> ClientError:
    code, message = (
        found[1].decode("utf-8", "replace") if (found := pattern.search(answer.content)) else ""
        for pattern in (_CODE, _MESSAGE)
    )
    metadata: Any = {
        "HTTPStatusCode": answer.status_code,
        "RequestId": answer.headers.get("x-amz-request-id"),
    }
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, "UploadPart")
