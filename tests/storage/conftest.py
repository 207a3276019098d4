from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.s3_server import fresh_bucket, s3_client, s3_server
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import S3Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from tuneloop.storage.base import Store

PART_SIZE = 5 << 20
"""The smallest part that S3 allows."""


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def client(s3_endpoint: str) -> S3Client:
    return s3_client(s3_endpoint)


@pytest.fixture
def bucket(client: S3Client) -> str:
    return fresh_bucket(client)


@pytest.fixture
def s3_store(client: S3Client, bucket: str) -> S3Store:
    return S3Store(client, bucket, "team/loras", part_size=PART_SIZE)


@pytest.fixture
def local_store(tmp_path: Path) -> LocalDirectory:
    return LocalDirectory(tmp_path)


@pytest.fixture(params=["local_store", "s3_store"])
def store(request: pytest.FixtureRequest) -> Store:
    """Every kind of store: what is promised of one is promised of all."""
    made: Store = request.getfixturevalue(request.param)
    return made
