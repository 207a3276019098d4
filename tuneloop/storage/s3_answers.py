"""Tells S3's answers from those of whatever else may answer in its place with 200."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.parsers import ResponseParserError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

AnswerT = TypeVar("AnswerT", bound=Mapping[str, Any])


class NotOfS3(ResponseParserError):
    """An answer that means success by its status and lacks what every S3 server says."""


def of_an_object(answer: AnswerT) -> AnswerT:
    """Return an answer about one object as it is: written, read or looked at, it has an ETag.

    A proxy's page for logging in has none: a record would count as written, and lie nowhere.

    Raises:
        NotOfS3: The answer has none.
    """
    if not answer.get("ETag"):
        raise NotOfS3("the answer has no ETag")
    return answer


def listed(
    client: S3Client, bucket: str, prefix: str, *, most: int = 1000
) -> Iterator[ListObjectsV2OutputTypeDef]:
    """List what starts with a prefix, page by page.

    boto3 reads any document as a list, one without objects where it knows nothing of it, and ends where a page
    names no next one. Records that were left out would be taken for trainings that were never paid.

    Args:
        client: Reads the bucket.
        bucket: Its name.
        prefix: What every key starts with.
        most: Objects per page.

    Raises:
        NotOfS3: An answer is no list, or one of something else, or it is cut.
    """
    paginator = client.get_paginator("list_objects_v2")
    for page in paginator.paginate(Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": most}):
        if not page.get("Name") or "IsTruncated" not in page:
            raise NotOfS3("the answer is no list of a bucket")
        if page["IsTruncated"] and not page.get("NextContinuationToken"):
            raise NotOfS3("the list is cut and names no next page")
        if any(not item["Key"].startswith(prefix) for item in page.get("Contents", ())):
            raise NotOfS3("the list is of another prefix")
        yield page
