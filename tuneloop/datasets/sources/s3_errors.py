"""What boto3's errors mean for a dataset on S3; `tuneloop.storage` has other words, about a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from tuneloop.errors import DatasetError
from tuneloop.storage.s3_errors import NO_CREDENTIALS, NO_RESPONSE, UNREADABLE

_MISSING = "there is no such bucket; correct its name"
_RIGHTS = (
    "these credentials may not read it; allow them s3:ListBucket on the bucket and s3:GetObject on its objects"
)
_KEYS = "the credentials are not accepted; correct them in the store's block or in the worker's environment"
_REGION = "the bucket is in another region; set that one in the store's block or in AWS_DEFAULT_REGION"
_CHANGED = "it changed while it was read; run again"
_MEANINGS = {
    "NoSuchBucket": _MISSING,
    "404": _MISSING,
    "InvalidBucketName": _MISSING,
    "NoSuchKey": _CHANGED,
    "PreconditionFailed": _CHANGED,
    "412": _CHANGED,
    "AccessDenied": _RIGHTS,
    "AllAccessDisabled": _RIGHTS,
    "403": _RIGHTS,
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "InvalidToken": _KEYS,
    "ExpiredToken": _KEYS,
    "400": _KEYS,
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "301": _REGION,
    "InvalidObjectState": "it is archived; restore it first",
    "RequestTimeTooSkewed": "the clock of this machine is wrong; set it",
}


class DownloadInterrupted(DatasetError):
    """No whole answer came; asking again may help."""


@contextmanager
def s3_errors(thing: str) -> Iterator[None]:
    """Turn errors of boto3 into a sentence about the dataset.

    Raises:
        DatasetError: Names the address, the reason and the remedy.
    """
    try:
        yield
    except DatasetError:
        raise
    except ClientError as error:
        raise DatasetError(f"{thing}: {_meaning(error)}") from error
    except NO_CREDENTIALS as error:
        raise DatasetError(
            f"{thing}: there are no credentials for S3; keep the store on S3 too, whose block has some, or put "
            "them into the worker's environment"
        ) from error
    except NO_RESPONSE as error:
        raise DownloadInterrupted(
            f"{thing}: S3 gave no whole answer ({type(error).__name__}); run again"
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
            f"{thing}: what answers is not S3; check the S3 settings of the worker, and whether a proxy "
            "answers in its place"
        ) from error


def _meaning(error: ClientError) -> str:
    code = str(error.response.get("Error", {}).get("Code", ""))
    details = error.response.get("ResponseMetadata", {})
    about = f"S3 answered {code}, request id {details.get('RequestId') or 'none given'}"
    return f"{_MEANINGS.get(code, 'it cannot be read; run again later, or ask its owner')} ({about})"
