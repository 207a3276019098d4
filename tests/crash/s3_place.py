"""The stores in S3 of all lanes, on one server whose clock is another one for each bucket."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import formatdate
from typing import Any

import moto.s3.models
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from prefect_aws import AwsCredentials, S3Bucket
from pydantic import SecretStr
from werkzeug.serving import WSGIRequestHandler

from tests.s3_server import ACCESS_KEY, SECRET_KEY, s3_client, s3_server
from tuneloop.storage.s3 import S3Store

_AHEAD: ContextVar[float] = ContextVar("ahead", default=0.0)


@dataclass
class S3Server:
    """The server.

    Attributes:
        endpoint: Its address.
        ahead_s: How far its clock is ahead, by bucket.
    """

    endpoint: str
    ahead_s: dict[str, float] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[S3Server]:
        """Run it in this process."""
        with s3_server() as endpoint:
            server = cls(endpoint)
            server._take_the_time()
            yield server

    def block(self, bucket: str) -> S3Bucket:
        """The Prefect block of a store in one bucket."""
        credentials = AwsCredentials(
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SecretStr(SECRET_KEY),
            region_name="us-east-1",
            aws_client_parameters={"endpoint_url": self.endpoint},
        )
        return S3Bucket(bucket_name=bucket, credentials=credentials)

    def store(self, bucket: str) -> S3Store:
        """The store in one bucket."""
        return S3Store(s3_client(self.endpoint), bucket, "")

    def empty(self, bucket: str) -> None:
        """Make a bucket, or make it empty again."""
        client = s3_client(self.endpoint)
        client.create_bucket(Bucket=bucket)
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for item in page.get("Contents", []):
                client.delete_object(Bucket=bucket, Key=item["Key"])
        for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        self.ahead_s[bucket] = 0.0

    def _take_the_time(self) -> None:
        """Let each request see the clock of its bucket."""
        application: Any = DomainDispatcherApplication
        call = application.__call__

        def with_its_clock(app: Any, environment: dict[str, Any], begin: Callable[..., Any]) -> Any:
            bucket = environment.get("PATH_INFO", "").strip("/").partition("/")[0]
            _AHEAD.set(self.ahead_s.get(bucket, 0.0))
            return call(app, environment, begin)

        application.__call__ = with_its_clock
        models: Any = moto.s3.models
        utcnow = models.utcnow
        models.utcnow = lambda: utcnow() + timedelta(seconds=_AHEAD.get())
        handler: Any = WSGIRequestHandler
        handler.date_time_string = lambda *_: formatdate(time.time() + _AHEAD.get(), usegmt=True)
