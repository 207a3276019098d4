"""Boto3's checksums, which some servers do not take: what a user says of them in either place is what is sent."""

from __future__ import annotations

from typing import Any

import pytest
from prefect_aws import AwsClientParameters, MinIOCredentials
from prefect_aws.s3 import S3Bucket

from tests.storage.recording_server import recording
from tuneloop.orchestration.s3_store import client_of
from tuneloop.storage.s3 import S3Store

REQUEST, RESPONSE = "AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION"
REQUIRED = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
SUPPORTED = dict.fromkeys(REQUIRED, "when_supported")


@pytest.mark.parametrize(
    ("config", "environment", "sent"),
    [
        (None, None, True),
        (REQUIRED, None, False),
        (None, "when_required", False),
        (SUPPORTED, "when_required", True),
        (REQUIRED, "when_supported", False),
        ({"max_pool_connections": 3}, "when_required", False),
    ],
    ids=["nothing said", "block", "environment", "block over environment", "block wins", "block about others"],
)
def test_checksums_are_sent_and_asked_for_as_the_user_says(
    monkeypatch: pytest.MonkeyPatch, config: dict[str, Any] | None, environment: str | None, sent: bool
) -> None:
    for name in (REQUEST, RESPONSE):
        monkeypatch.delenv(name, raising=False)
        if environment is not None:
            monkeypatch.setenv(name, environment)
    with recording() as server:
        parameters = AwsClientParameters(endpoint_url=server.endpoint, config=config)
        credentials = MinIOCredentials(
            minio_root_user="user",
            minio_root_password="password",
            region_name="us-east-1",
            aws_client_parameters=parameters,
        )
        block = S3Bucket(bucket_name="bucket", credentials=credentials)
        store = S3Store(client_of(block, "s3-bucket/test"), "bucket")
        store.create("x", b"data")
        store.read("x")
    put, get = server.headers
    assert any(name.startswith("x-amz-checksum-") for name in put) == sent
    assert ("x-amz-sdk-checksum-algorithm" in put) == sent
    assert ("x-amz-checksum-mode" in get) == sent
