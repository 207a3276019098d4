"""What others would bring weights into S3 with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import boto3
import requests

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_KEY = "peer/weights.safetensors"


def upload_fileobj(url: str, access: str, bucket: str) -> Callable[[], None]:
    """boto3 reads the response as a file."""
    client = _client(access)

    def work() -> None:
        with requests.get(url, stream=True, timeout=600) as answer:
            answer.raise_for_status()
            client.upload_fileobj(cast("IO[bytes]", answer.raw), bucket, _KEY)

    return work


def to_disk_first(url: str, access: str, bucket: str, target: str) -> Callable[[], None]:
    """A temporary file, and then boto3's upload of it."""
    client = _client(access)

    def work() -> None:
        with requests.get(url, stream=True, timeout=600) as answer, Path(target).open("wb") as file:
            answer.raise_for_status()
            shutil.copyfileobj(answer.raw, file)
        client.upload_file(target, bucket, _KEY)

    return work


def _client(access: str) -> S3Client:
    client: S3Client = boto3.client("s3", **json.loads(access))
    return client
