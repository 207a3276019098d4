"""What boto3's errors mean for a store on S3, and which responses are S3's at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from botocore import exceptions as of_boto
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from tuneloop.errors import ObjectNotFound, StoreError, StoreUnavailable
from tuneloop.storage.upload import UploadGone

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

NO_RESPONSE = (
    of_boto.HTTPClientError, of_boto.ConnectionError, of_boto.IncompleteReadError, of_boto.FlexibleChecksumError,
    HTTPError,
)  # fmt: skip
UNREADABLE = (ResponseParserError, LookupError, TypeError, ValueError)
"""Raised by a response that is not S3's: it cannot be parsed, fields lack, times are none."""
NO_CREDENTIALS = (of_boto.NoCredentialsError, of_boto.PartialCredentialsError, of_boto.CredentialRetrievalError)
_KEYS = "Correct the access key and the secret key in the credentials block of the store."
_RIGHTS = (
    "Allow these credentials s3:ListBucket and s3:ListBucketMultipartUploads on the bucket, and s3:GetObject, "
    "s3:PutObject, s3:DeleteObject, s3:ListMultipartUploadParts and s3:AbortMultipartUpload on its objects."
)
_REGION = "Set the region of the bucket in the credentials block of the store."
_REMEDIES = {
    # A response to HEAD has no body: its code is the bare status.
    **dict.fromkeys(("NoSuchBucket", "404"), "Create the bucket, or correct its name in the block of the store."),
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled"), _RIGHTS),
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "400"), _KEYS),
    **dict.fromkeys(("PermanentRedirect", "AuthorizationHeaderMalformed", "301"), _REGION),
    "403": f"{_KEYS} {_RIGHTS}",
    "ExpiredToken": "Renew the session token in the credentials block of the store.",
    "RequestTimeTooSkewed": "Set the clock of this machine.",
    "InvalidRequest": (
        "If it mentions Object Lock: remove the default retention rule from this bucket and run again. With it a "
        "checksum is required ahead of each part, and parts are streamed."
    ),
    # Older Ceph over TLS, which does not read boto3's checksums behind the body.
    "MissingContentLength": "Set request_checksum_calculation to when_required in the block of the store.",
}
_CONDITION = (
    "It does not honour If-None-Match: two runs could both pay for one training. Use a server that does, such as "
    "Amazon S3, Cloudflare R2, Ceph or a recent MinIO, or a local directory."
)
_OPERATIONS = "It lacks what a store needs. Use another S3 server, or a local directory."
_CONDITIONAL = frozenset({"PutObject", "CompleteMultipartUpload"})
_MAY_PASS = frozenset({"RequestTimeout", "SlowDown", "Throttling", "TooManyRequests", "OperationAborted"})
# A part that was sent twice at once has another ETag than it was listed with a moment ago.
_LOST = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "InvalidPart"})
_CONNECTION_REMEDIES: dict[type[Exception], str] = {
    of_boto.ProxyConnectionError: "Check the proxy that HTTPS_PROXY or HTTP_PROXY names, then run again.",
    of_boto.SSLError: "Check its certificate, and what AWS_CA_BUNDLE names, then run again.",
}
_MAX_EXCERPT = 200
ResponseT = TypeVar("ResponseT", bound=Mapping[str, Any])


class NotS3Response(ResponseParserError):
    """A response that means success by its status and lacks what every S3 server says."""


class Conflict(StoreUnavailable):
    """Another process (or this very request, sent twice) was first: what is there now decides."""


@contextmanager
def s3_errors(thing: str, endpoint: str) -> Iterator[None]:
    """Turn errors of boto3 about an object, named by its URI, into the stores' own."""
    try:
        yield
    except of_boto.ClientError as error:
        raise _of_response(error, thing) from error
    except NO_RESPONSE as error:
        raise _without_response(error, thing, endpoint) from error
    except NO_CREDENTIALS as error:
        raise StoreError(f"{thing}: there are no credentials for S3. {_KEYS}") from error
    except of_boto.BotoCoreError as error:
        raise StoreError(f"{thing}: {error}. Correct the block of the store.") from error
    except RecursionError as error:
        raise _redirected(thing, endpoint) from error
    except UNREADABLE as error:
        # Only our own sentence is shown: the library's holds the beginning of the response.
        what = error if isinstance(error, NotS3Response) else type(error).__name__
        raise StoreUnavailable(
            f"{thing}: {host_of(endpoint)} does not respond as S3 does ({what}). Check endpoint_url in the block "
            "of the store, and whether a proxy responds in its place, then run again."
        ) from error


@contextmanager
def s3_upload_errors(thing: str, endpoint: str) -> Iterator[None]:
    """As `s3_errors`, for requests about an upload in parts: there, nothing of this name is `UploadGone`."""
    try:
        with s3_errors(thing, endpoint):
            yield
    except ObjectNotFound as error:
        # Ceph 16 speaks of the key where Amazon speaks of the upload.
        raise UploadGone(
            f"{thing}: there is no such upload. Another process has completed or aborted it."
        ) from error


def _redirected(thing: str, endpoint: str) -> StoreError:
    """boto3 asks for the region of a bucket that it is sent elsewhere for, is sent elsewhere, and asks again."""
    return StoreError(
        f"{thing}: the S3 server {host_of(endpoint)} redirects requests and does not say where to. {_REGION}"
    )


def _without_response(error: Exception, thing: str, endpoint: str) -> StoreError:
    cause = error.kwargs.get("error") if isinstance(error, of_boto.HTTPClientError) else None
    if isinstance(cause, RecursionError):
        return _redirected(thing, endpoint)
    if isinstance(cause, ValueError):
        # A key with a line break in it cannot be sent. The library's sentence shows it.
        return StoreError(f"{thing}: the credentials for S3 cannot be sent. {_KEYS}")
    remedy = _CONNECTION_REMEDIES.get(type(error), "Check that it runs and can be reached, then run again.")
    return StoreUnavailable(
        f"{thing}: no complete response from the S3 server {host_of(endpoint)} ({type(error).__name__}). {remedy}"
    )


def host_of(endpoint: str) -> str:
    """Host and port of an address, without user and password."""
    return urlsplit(endpoint).netloc.rpartition("@")[2]


def _of_response(error: of_boto.ClientError, thing: str) -> StoreError:
    told, details = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    # An odd body leaves lists and nothing where a text should be.
    code, message = (str(told.get(field) or "") for field in ("Code", "Message"))
    status = details.get("HTTPStatusCode", 0)
    reason = f"{thing}: S3 answered {code} (status {status}, request id {details.get('RequestId') or 'none given'}"
    reason += f", {message[:_MAX_EXCERPT]!r})." if message else ")."
    if code == "NoSuchKey":
        return ObjectNotFound(f"{thing} does not exist.")
    if code == "NoSuchUpload":
        return UploadGone(f"{reason} Another process has completed or aborted the upload; run again.")
    if code in _LOST or status in {409, 412}:
        return Conflict(f"{reason} Another process may be writing it; run again.")
    if code == "NotImplemented" or status == HTTPStatus.NOT_IMPLEMENTED:
        return StoreError(f"{reason} {_CONDITION if error.operation_name in _CONDITIONAL else _OPERATIONS}")
    if code in _MAY_PASS or status in {408, 429} or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return StoreUnavailable(f"{reason} Run again later.")
    other = "See what the server says about it; nothing was written."
    return StoreError(f"{reason} {_REMEDIES.get(code) or _REMEDIES.get(str(status), other)}")


def checked_object(response: ResponseT) -> ResponseT:
    """Return a response about one object, which has an ETag. Raises `NotS3Response` where it has none.

    A proxy's page for logging in has none: a record would count as written, and lie nowhere.
    """
    if not response.get("ETag"):
        raise NotS3Response("the response has no ETag")
    return response


def list_pages(
    client: S3Client, bucket: str, prefix: str, *, page_size: int = 1000
) -> Iterator[ListObjectsV2OutputTypeDef]:
    """List the objects whose keys start with a prefix, page by page.

    boto3 reads any document as a list, one without objects where it knows nothing of it, and ends where a page
    names no next one. Records that were left out would be taken for trainings that were never paid. Raises
    `NotS3Response` where a response is no list, or one of something else, or it is cut.
    """
    paginator = client.get_paginator("list_objects_v2")
    for page in paginator.paginate(Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": page_size}):
        if not page.get("Name") or "IsTruncated" not in page:
            raise NotS3Response("the response is no list of a bucket")
        if page["IsTruncated"] and not page.get("NextContinuationToken"):
            raise NotS3Response("the list is cut and names no next page")
        if any(not item["Key"].startswith(prefix) for item in page.get("Contents", ())):
            raise NotS3Response("the list is of another prefix")
        yield page
