"""What boto3 may say in a log: nothing that opens the bucket."""

from __future__ import annotations

import logging
import re

import boto3
import pytest

from tuneloop.storage.s3 import S3Store, client_config
from tuneloop.storage.upload import Part

from .recording_server import recording

SECRETS = ("AKIAONLYFORTHISTEST1", "the-secret-key-of-this-test", "the-session-token-of-this-test")


def test_no_key_token_or_signature_is_in_any_log_line_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with recording() as server:
        key, secret, token = SECRETS
        client = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            region_name="us-east-1",
            config=client_config(),
        )
        store = S3Store(client, "bucket", "loras")
        assert store.create("records/1", b"x")
        store.read("records/1")
        store.open_upload("weights/1", "upload", [Part(1, 0, 3)]).put(Part(1, 0, 3), [b"abc"])
        signatures = [
            found[1] for headers in server.headers if (found := re.search(r"Signature=(\w+)", str(headers)))
        ]
    assert len(signatures) == 2
    assert token in str(server.headers)
    assert "botocore" in caplog.text
    assert "/bucket/loras/records/1" in caplog.text
    for hidden in (*SECRETS, *signatures, "X-Amz-Signature=", "AWS4-HMAC-SHA256\n"):
        assert hidden not in caplog.text
