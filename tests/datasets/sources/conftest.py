from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.s3_server import fresh_bucket, s3_client, s3_server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def client(endpoint: str) -> S3Client:
    return s3_client(endpoint)


@pytest.fixture
def bucket(client: S3Client) -> str:
    return fresh_bucket(client)
