"""The block of a store on S3: a plain one is read without prefect_aws, and gives the same client as with it."""

from __future__ import annotations

from typing import Any

import pytest
from prefect_aws.s3 import S3Bucket
from pydantic import ValidationError

from tuneloop.orchestration.s3_store import PlainBucket, client_of

KEYS = {"aws_access_key_id": "id", "aws_secret_access_key": "secret", "region_name": "eu-central-1"}
NO_ROLE = {"assume_role_arn": None, "assume_role_kwargs": {"RoleSessionName": None, "ExternalId": None}}
ENDPOINT = {"endpoint_url": "https://s3.example.com", "use_ssl": True, "verify": None, "config": None}


def document(credentials: dict[str, Any]) -> dict[str, Any]:
    """What the Prefect server keeps of a block."""
    kept = {"block_type_slug": "aws-credentials", **credentials}
    return {"bucket_name": "loras", "bucket_folder": "team", "credentials": kept, "block_type_slug": "s3-bucket"}


def looks(client: Any) -> tuple[object, ...]:
    """What of a client decides where it asks, and as whom."""
    credentials = client._request_signer._credentials
    config = {name: item for name, item in vars(client.meta.config).items() if not name.startswith("_")}
    return client.meta.endpoint_url, client.meta.region_name, config, credentials and vars(credentials)


@pytest.mark.parametrize(
    "credentials",
    [
        {**KEYS, **NO_ROLE, "aws_session_token": "token", "profile_name": None},
        {**KEYS, "aws_client_parameters": ENDPOINT},
        {**KEYS, "aws_client_parameters": {**ENDPOINT, "endpoint_url": None, "use_ssl": False}},
        {"region_name": "us-east-1", "aws_client_parameters": {"endpoint_url": "http://127.0.0.1:9000"}},
    ],
    ids=["keys", "endpoint", "without TLS", "keys of the machine"],
)
def test_plain_block_gives_the_client_that_prefect_aws_gives(
    credentials: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the machine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the machine")
    plain, theirs = PlainBucket.model_validate(document(credentials)), S3Bucket(**document(credentials))
    assert (plain.bucket_name, plain.bucket_folder) == (theirs.bucket_name, theirs.bucket_folder)
    assert looks(client_of(plain, "s3-bucket/test")) == looks(client_of(theirs, "s3-bucket/test"))


@pytest.mark.parametrize(
    "more",
    [
        {"assume_role_arn": "arn:aws:iam::123456789012:role/loras"},
        {"assume_role_kwargs": {"ExternalId": "of the role"}},
        {"aws_client_parameters": {"verify": False}},
        {"aws_client_parameters": {"config": {"max_pool_connections": 3}}},
        {"of_a_later_version": "something"},
        {"block_type_slug": "minio-credentials"},
    ],
    ids=lambda more: next(iter(more)),
)
def test_block_that_says_more_is_left_to_prefect_aws(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PlainBucket.model_validate(document({**KEYS, **more}))
