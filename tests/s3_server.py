"""A real S3 server on a socket, for tests.

It is `moto`, started within the process, or the one that `TUNELOOP_TEST_S3` names, with its keys:
`TUNELOOP_TEST_S3=http://127.0.0.1:9104 TUNELOOP_TEST_S3_KEYS=access:secret`.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import requests
from botocore.config import Config
from moto.server import ThreadedMotoServer

from tuneloop.storage.s3 import client_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.awsrequest import AWSRequest
    from mypy_boto3_s3 import S3Client

OTHER_SERVER = os.environ.get("TUNELOOP_TEST_S3")
ACCESS_KEY, _, SECRET_KEY = os.environ.get("TUNELOOP_TEST_S3_KEYS", "test-access:test-secret").partition(":")


@contextmanager
def s3_server() -> Iterator[str]:
    """Run a server on a free port. Yields its endpoint, such as `http://127.0.0.1:40123`."""
    if OTHER_SERVER:
        yield OTHER_SERVER
        return
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def server_that_checks_keys() -> Iterator[tuple[str, str, str]]:
    """Run a server that knows one pair of keys and refuses all others. Yields endpoint, access key, secret key.

    It knows no presigned addresses.
    """
    with s3_server() as endpoint:
        reset = f"{endpoint}/moto-api/reset-auth"
        client = boto3.client(
            "iam",
            endpoint_url=endpoint,
            aws_access_key_id="anybody",
            aws_secret_access_key="anything",
            region_name="us-east-1",
        )
        user = uuid4().hex
        client.create_user(UserName=user)
        everything = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
        client.put_user_policy(UserName=user, PolicyName="all", PolicyDocument=everything)
        keys = client.create_access_key(UserName=user)["AccessKey"]
        requests.post(reset, data=b"0", timeout=10)
        try:
            yield endpoint, keys["AccessKeyId"], keys["SecretAccessKey"]
        finally:
            requests.post(reset, data=b"inf", timeout=10)


def s3_client(endpoint: str, *, resend: bool = True, keys: tuple[str, str] = (ACCESS_KEY, SECRET_KEY)) -> S3Client:
    """A client as in production; `resend=False` shows each failure at once."""
    config = client_config()
    if not resend:
        config = config.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=5))
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        region_name="us-east-1",
        config=config,
    )


def without_condition(client: S3Client) -> S3Client:
    """Let a client leave out `If-None-Match`: what is written is what a server does that ignores it."""

    def leave_out(request: AWSRequest, **_: object) -> None:
        del request.headers["If-None-Match"]

    for operation in ("PutObject", "CompleteMultipartUpload"):
        client.meta.events.register(f"before-sign.s3.{operation}", leave_out)
    return client


def fresh_bucket(client: S3Client) -> str:
    """Make an empty bucket. Returns its name."""
    bucket = f"test-{uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    return bucket
