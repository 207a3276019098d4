"""Which S3 server, keys and bucket the demo uses."""

from __future__ import annotations

import sys

import pytest
from prefect_aws import AwsCredentials
from pydantic import SecretStr

from tests.s3_server import s3_client, server_that_checks_keys
from tuneloop.demo.stack import s3_block, s3_settings
from tuneloop.errors import ConfigurationError, StoreError
from tuneloop.settings import Settings


def test_server_keys_and_bucket_are_those_that_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with server_that_checks_keys() as (endpoint, access_key, secret_key):
        monkeypatch.setenv("TUNELOOP_S3_ENDPOINT", endpoint)
        monkeypatch.setenv("TUNELOOP_S3_ACCESS_KEY", access_key)
        monkeypatch.setenv("TUNELOOP_S3_SECRET_KEY", secret_key)
        monkeypatch.setenv("TUNELOOP_S3_BUCKET", "my-own-bucket")
        first, second = (s3_block(s3_settings(Settings()), ".demo") for _ in range(2))
        buckets = s3_client(endpoint, keys=(access_key, secret_key)).list_buckets()["Buckets"]
    assert "my-own-bucket" in [bucket["Name"] for bucket in buckets]
    assert first.bucket_name == "my-own-bucket"
    assert isinstance(first.credentials, AwsCredentials)
    assert first.credentials.aws_access_key_id == access_key
    assert first.bucket_folder.startswith("demo-")
    assert first.bucket_folder != second.bucket_folder


def test_wrong_keys_are_an_error_that_names_the_bucket() -> None:
    with server_that_checks_keys() as (endpoint, access_key, _):
        for keys in ((access_key, "wrong"), ("demo", "demo-secret")):
            settings = Settings(
                s3_endpoint=endpoint,
                s3_access_key=keys[0],
                s3_secret_key=SecretStr(keys[1]),
                s3_bucket="my-own-bucket",
            )
            with pytest.raises(StoreError, match=r"s3://my-own-bucket.*Correct the access key") as raised:
                s3_block(settings, ".demo")
            assert keys[1] not in str(raised.value)


def test_server_without_keys_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="set TUNELOOP_S3_ACCESS_KEY and TUNELOOP_S3_SECRET_KEY"):
        s3_settings(Settings(s3_endpoint="http://127.0.0.1:9", s3_access_key=None, s3_secret_key=None))


def test_server_that_cannot_be_started_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moto", None)
    with pytest.raises(ConfigurationError) as raised:
        s3_settings(Settings(s3_endpoint=None))
    assert "moto[server,s3]" in str(raised.value)
    assert "TUNELOOP_S3_ENDPOINT" in str(raised.value)


def test_without_a_server_the_demo_has_one_of_its_own() -> None:
    assert s3_settings(Settings(s3_endpoint=None)).s3_endpoint is None
