"""Buckets filled for a test, and clients that tell or spoil what is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def put(client: S3Client, bucket: str, files: dict[str, bytes]) -> None:
    for key, data in files.items():
        client.put_object(Bucket=bucket, Key=key, Body=data)


def gets_of(client: S3Client) -> list[str]:
    """Keys that are fetched from now on."""
    keys: list[str] = []
    client.meta.events.register("before-sign.s3.GetObject", lambda request, **_: keys.append(request.url))
    return keys


def cut_bodies(client: S3Client, times: int) -> list[int]:
    """Break the first bodies off after half a mebibyte."""
    broken: list[int] = []

    def cut(parsed: dict[str, Any], **_: object) -> None:
        if len(broken) < times:
            broken.append(len(broken) + 1)
            raw = parsed["Body"]._raw_stream
            parsed["Body"]._raw_stream = _Half(raw)

    client.meta.events.register("after-call.s3.GetObject", cut)
    return broken


class _Half:
    """A raw body that ends too early."""

    def __init__(self, raw: Any) -> None:
        self._raw, self._left = raw, 1 << 19

    def read(self, size: int) -> bytes:
        data: bytes = self._raw.read(min(size, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._raw.close()
