"""What is particular to a store on S3: prefixes, pages, and the refusals of a server."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
import requests

from tests.s3_server import OTHER_SERVER, s3_client
from tests.storage.failing_proxy import failing_proxy
from tuneloop.errors import ConfigurationError, ObjectNotFound, StoreError, StoreUnavailable
from tuneloop.storage.s3 import S3Store, client_config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


only_moto = pytest.mark.skipif(bool(OTHER_SERVER), reason="users are made with moto's means")


@contextmanager
def checked_keys(endpoint: str) -> Iterator[None]:
    """Let moto check keys and rights, which it does not by default."""
    requests.post(f"{endpoint}/moto-api/reset-auth", data="0", timeout=60).raise_for_status()
    try:
        yield
    finally:
        requests.post(f"{endpoint}/moto-api/reset-auth", data="inf", timeout=60).raise_for_status()


def keys_of_somebody(endpoint: str, allowed: str) -> dict[str, str]:
    """Make a user of the S3 server who may do what is named, and nothing else."""
    iam = boto3.client(
        "iam", endpoint_url=endpoint, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )
    user = f"user-{uuid4().hex}"
    iam.create_user(UserName=user)
    statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName=user)["AccessKey"]
    return {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}


def store_with(endpoint: str, bucket: str, keys: dict[str, Any]) -> S3Store:
    # A session of its own: boto3's default one remembers credentials it has found before.
    session = boto3.session.Session(region_name="us-east-1", **keys)
    client: S3Client = session.client("s3", endpoint_url=endpoint, config=client_config())
    return S3Store(client, bucket)


def test_lists_go_on_over_pages(s3_endpoint: str, bucket: str) -> None:
    with failing_proxy(s3_endpoint) as proxy:
        client = s3_client(proxy.endpoint)
        store = S3Store(client, bucket)
        names = [f"log/{number:04}" for number in range(10)]
        for name in names:
            store.create(name, b"")
        proxy.seen.clear()
        client.meta.events.register(
            "before-parameter-build.s3.ListObjectsV2", lambda params, **_: params.update(MaxKeys=3)
        )
        assert list(store.names("log/")) == names
        assert len(proxy.seen) == 4


def test_neighbours_and_odd_keys_of_a_bucket_are_not_in_the_store(
    s3_store: S3Store, client: S3Client, bucket: str
) -> None:
    s3_store.create("log/one", b"x")
    for key in ["team/loras2/log/two", "team/loras/log/white space", "team/loras/.tmp/x", "log/three"]:
        client.put_object(Bucket=bucket, Key=key, Body=b"")
    assert list(s3_store.names("")) == ["log/one"]


def test_store_without_a_prefix_has_the_whole_bucket(client: S3Client, bucket: str) -> None:
    whole, inside = S3Store(client, bucket), S3Store(client, bucket, "/a/b/")
    inside.create("c", b"x")
    assert inside.uri == f"s3://{bucket}/a/b"
    assert whole.uri == f"s3://{bucket}"
    assert list(whole.names("")) == ["a/b/c"]
    assert whole.read("a/b/c") == b"x"


def test_odd_prefix_of_a_store_is_refused(client: S3Client) -> None:
    with pytest.raises(ConfigurationError, match="'a b' cannot be the prefix"):
        S3Store(client, "bucket", "a b")


def test_missing_bucket_is_an_error_and_never_an_absence(client: S3Client) -> None:
    store = S3Store(client, "no-such-bucket")
    asked = [store.read, store.size, store.exists, lambda name: store.create(name, b""), store.names]
    for ask in asked:
        with pytest.raises(StoreError, match=r"s3://no-such-bucket/x.*Create the bucket") as caught:
            ask("x")
        assert not isinstance(caught.value, ObjectNotFound | StoreUnavailable)
    with pytest.raises(StoreError, match="Create the bucket"):
        store.write_stream("x", [b"x"])


def test_impossible_bucket_name_is_refused_with_its_reason(client: S3Client) -> None:
    with pytest.raises(StoreError, match=r"Invalid bucket name.*block of the store"):
        S3Store(client, "no bucket").read("x")


@only_moto
def test_unknown_key_is_refused_without_being_shown(s3_endpoint: str, bucket: str) -> None:
    keys = {"aws_access_key_id": "AKIAUNKNOWN", "aws_secret_access_key": "very-secret"}
    store = store_with(s3_endpoint, bucket, keys)
    with checked_keys(s3_endpoint), pytest.raises(StoreError, match=r"InvalidAccessKeyId.*credentials") as caught:
        store.create("x", b"")
    assert not isinstance(caught.value, StoreUnavailable)
    assert "AKIA" not in str(caught.value)
    assert "secret" not in str(caught.value).replace("secret key", "")


@only_moto
def test_wrong_secret_is_refused_without_being_shown(s3_endpoint: str, bucket: str) -> None:
    keys = keys_of_somebody(s3_endpoint, "s3:*") | {"aws_secret_access_key": "very-wrong"}
    store = store_with(s3_endpoint, bucket, keys)
    refused = pytest.raises(StoreError, match=r"SignatureDoesNotMatch.*secret key")
    with checked_keys(s3_endpoint), refused as caught:
        store.create("x", b"")
    assert keys["aws_access_key_id"] not in str(caught.value)
    assert "very-wrong" not in str(caught.value)


@only_moto
def test_missing_right_is_named(s3_endpoint: str, bucket: str, client: S3Client) -> None:
    client.put_object(Bucket=bucket, Key="there", Body=b"x")
    store = store_with(s3_endpoint, bucket, keys_of_somebody(s3_endpoint, "s3:ListBucket"))
    with checked_keys(s3_endpoint):
        with pytest.raises(StoreError, match=r"AccessDenied.*s3:PutObject"):
            store.create("x", b"")
        with pytest.raises(StoreError, match=r"AccessDenied.*s3:GetObject"):
            store.read("there")
        # An answer to HEAD has no body, only its status.
        with pytest.raises(StoreError, match=r"403.*s3:GetObject"):
            store.size("there")
    assert store.read("there") == b"x"


def test_missing_credentials_are_said_to_be_missing(
    s3_endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(StoreError, match=r"no credentials.*credentials block"):
        store_with(s3_endpoint, bucket, {}).read("x")


def test_server_that_is_down_is_unavailable_and_not_absent(bucket: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    store = S3Store(s3_client(f"http://127.0.0.1:{port}", resend=False), bucket)
    asked = [store.read, store.size, store.names, store.describe]
    for ask in asked:
        with pytest.raises(StoreUnavailable, match=rf"s3://{bucket}/x.*127\.0\.0\.1:{port}.*Check that it runs"):
            ask("x")
