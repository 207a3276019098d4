"""What boto3's errors mean for a store on S3."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
)
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from tuneloop.errors import ObjectNotFound, StoreError, StoreUnavailable
from tuneloop.storage.s3_answers import NotOfS3
from tuneloop.storage.upload import UploadGone

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_ANSWER = (
    HTTPClientError,
    NoConnectionError,
    IncompleteReadError,
    FlexibleChecksumError,
    HTTPError,
)
UNREADABLE = (ResponseParserError, LookupError, TypeError, ValueError)
"""What an answer raises that is not S3's: it cannot be parsed, fields lack, times are none."""
_NO_KEYS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)
_KEYS = "Correct the access key and the secret key in the credentials block of the store."
_RIGHTS = (
    "Allow these credentials s3:ListBucket and s3:ListBucketMultipartUploads on the bucket, and s3:GetObject, "
    "s3:PutObject, s3:DeleteObject, s3:ListMultipartUploadParts and s3:AbortMultipartUpload on its objects."
)
_REGION = "Set the region of the bucket in the credentials block of the store."
_REMEDIES = {
    "NoSuchBucket": "Create the bucket, or correct its name in the block of the store.",
    "AccessDenied": _RIGHTS,
    "AllAccessDisabled": _RIGHTS,
    # An answer to HEAD has no body: its code is the bare status.
    "403": f"{_KEYS} {_RIGHTS}",
    "404": "Create the bucket, or correct its name in the block of the store.",
    "400": _KEYS,
    "301": _REGION,
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "InvalidToken": _KEYS,
    "ExpiredToken": "Renew the session token in the credentials block of the store.",
    "RequestTimeTooSkewed": "Set the clock of this machine.",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "InvalidRequest": (
        "If it speaks of Object Lock: take the rule of default retention off this bucket and run again. With it a "
        "checksum is wanted ahead of each part, and parts are streamed."
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
_REMEDIES_OF_LINES: dict[type[Exception], str] = {
    ProxyConnectionError: "Check the proxy that HTTPS_PROXY or HTTP_PROXY names, then run again.",
    SSLError: "Check its certificate, and what AWS_CA_BUNDLE names, then run again.",
}
_LONGEST_EXCERPT = 200


class Conflict(StoreUnavailable):
    """Somebody (or this very request, sent twice) was first: what is there now decides."""


@contextmanager
def s3_refusals(thing: str, endpoint: str) -> Iterator[None]:
    """Turn errors of boto3 into the stores' own.

    Args:
        thing: Full address of what is read or written.
        endpoint: Address of the S3 server.
    """
    try:
        yield
    except ClientError as error:
        raise _of_answer(error, thing) from error
    except _NO_ANSWER as error:
        raise _without_answer(error, thing, endpoint) from error
    except _NO_KEYS as error:
        raise StoreError(f"{thing}: there are no credentials for S3. {_KEYS}") from error
    except BotoCoreError as error:
        raise StoreError(f"{thing}: {error}. Correct the block of the store.") from error
    except RecursionError as error:
        # boto3 asks for the region of a bucket that it is sent elsewhere for, is sent elsewhere, and asks again.
        raise StoreError(
            f"{thing}: the S3 server {_host(endpoint)} sends requests elsewhere and does not say where. {_REGION}"
        ) from error
    except UNREADABLE as error:
        # Only our own sentence is shown: the library's holds the beginning of the answer.
        what = error if isinstance(error, NotOfS3) else type(error).__name__
        raise StoreUnavailable(
            f"{thing}: {_host(endpoint)} does not answer as S3 does ({what}). Check endpoint_url in the block of "
            "the store, and whether a proxy answers in its place, then run again."
        ) from error


@contextmanager
def upload_refusals(thing: str, endpoint: str) -> Iterator[None]:
    """As `s3_refusals`, for requests about an upload in parts: there, nothing of this name is `UploadGone`."""
    try:
        with s3_refusals(thing, endpoint):
            yield
    except ObjectNotFound as error:
        # Ceph 16 speaks of the key where Amazon speaks of the upload.
        raise UploadGone(f"{thing}: there is no such upload. Somebody has completed or aborted it.") from error


def _without_answer(error: Exception, thing: str, endpoint: str) -> StoreError:
    if isinstance(error, HTTPClientError) and isinstance(error.kwargs.get("error"), ValueError):
        # A key with a line break in it cannot be sent. The library's sentence shows it.
        return StoreError(f"{thing}: the credentials for S3 cannot be sent. {_KEYS}")
    remedy = _REMEDIES_OF_LINES.get(type(error), "Check that it runs and can be reached, then run again.")
    return StoreUnavailable(
        f"{thing}: no whole answer from the S3 server {_host(endpoint)} ({type(error).__name__}). {remedy}"
    )


def _host(endpoint: str) -> str:
    return urlsplit(endpoint).netloc.rpartition("@")[2]


def _of_answer(error: ClientError, thing: str) -> StoreError:
    code = error.response.get("Error", {}).get("Code", "")
    said = error.response.get("Error", {}).get("Message", "") or ""
    details = error.response.get("ResponseMetadata", {})
    status = details.get("HTTPStatusCode", 0)
    reason = f"{thing}: S3 answered {code} (status {status}, request id {details.get('RequestId') or 'none given'}"
    reason += f", {said[:_LONGEST_EXCERPT]!r})." if said else ")."
    if code == "NoSuchKey":
        return ObjectNotFound(f"{thing} does not exist.")
    if code == "NoSuchUpload":
        return UploadGone(f"{reason} Somebody has completed or aborted the upload; run again.")
    if code in _LOST or status in {409, 412}:
        return Conflict(f"{reason} Somebody else may be writing it; run again.")
    if code == "NotImplemented" or status == HTTPStatus.NOT_IMPLEMENTED:
        return StoreError(f"{reason} {_CONDITION if error.operation_name in _CONDITIONAL else _OPERATIONS}")
    if code in _MAY_PASS or status in {408, 429} or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return StoreUnavailable(f"{reason} Run again later.")
    remedy = _REMEDIES.get(code) or _REMEDIES.get(
        str(status), "See what the server says about it; nothing was written."
    )
    return StoreError(f"{reason} {remedy}")
