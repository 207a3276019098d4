"""A run on an unchanged dataset: ours, a listing that compares nothing, and hashing all of it."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from benchmarks.data.judged import make_judged
from benchmarks.data.unchanged_run import make_store, unchanged_run
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import CachingS3Store, client_config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Work = Callable[[], dict[str, int]]
_DATASET = "dataset"
_AT_A_TIME = 8


def prepare_s3(images: str, access: str, bucket: str) -> Callable[[], None]:
    """Upload a dataset, and make a store that has judged it."""
    client, _ = _counting(access)
    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        for _ in threads.map(
            lambda file: client.upload_file(str(file), bucket, f"{_DATASET}/{file.name}"), Path(images).iterdir()
        ):
            pass

    def work() -> None:
        store = CachingS3Store(client, bucket, "store")
        make_store(store)
        make_judged(store, f"s3://{bucket}/{_DATASET}", lambda _: client)

    return work


def ours_s3(access: str, bucket: str) -> Work:
    """What a run does: it lists the dataset, and reads a handful of records."""
    client, count = _counting(access)
    store = CachingS3Store(client, bucket, "store")

    def work() -> dict[str, int]:
        assert unchanged_run(store, f"s3://{bucket}/{_DATASET}") is not None  # noqa: S101
        return dict(count)

    return work


def list_s3(access: str, bucket: str) -> Work:
    """What `aws s3 sync` does where nothing has changed: names, sizes and times, and nothing more."""
    client, count = _counting(access)

    def work() -> dict[str, int]:
        assert len(_keys(client, bucket)) >= 1  # noqa: S101
        return dict(count)

    return work


def hash_s3(access: str, bucket: str) -> Work:
    """Fetch and hash everything, eight at a time."""
    client, count = _counting(access)

    def digest(key: str) -> str:
        return hashlib.sha256(client.get_object(Bucket=bucket, Key=key)["Body"].read()).hexdigest()

    def work() -> dict[str, int]:
        with ThreadPoolExecutor(_AT_A_TIME) as threads:
            assert all(threads.map(digest, _keys(client, bucket)))  # noqa: S101
        return dict(count)

    return work


def prepare_local(images: str, folder: str) -> Callable[[], None]:
    """Make a store that has judged a folder."""

    def work() -> None:
        store = LocalDirectory(Path(folder))
        make_store(store)
        make_judged(store, images, _no_bucket)

    return work


def ours_local(images: str, folder: str) -> Work:
    """What a run does."""
    store = LocalDirectory(Path(folder))
    return _reading(lambda: unchanged_run(store, images) is not None)


def list_local(images: str) -> Work:
    """Names, sizes and times."""
    return _reading(lambda: bool([entry.stat() for entry in os.scandir(images)]))


def hash_local(images: str) -> Work:
    """Hash everything, two files at a time."""

    def work() -> bool:
        with ThreadPoolExecutor(2) as threads:
            return all(
                threads.map(
                    lambda file: hashlib.sha256(file.read_bytes()).hexdigest(), list(Path(images).iterdir())
                )
            )

    return _reading(work)


def _keys(client: S3Client, bucket: str) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{_DATASET}/")
    return [item["Key"] for page in pages for item in page["Contents"]]


def _counting(access: str) -> tuple[S3Client, Counter[str]]:
    """A client, and what it has sent and read by now."""
    client = boto3.client("s3", config=client_config(), **json.loads(access))
    count = Counter(requests=0, bytes_read=0)

    def sent(**_: object) -> None:
        count["requests"] += 1

    def answered(parsed: dict[str, Any], **_: object) -> None:
        count["bytes_read"] += parsed.get("ContentLength", 0)

    client.meta.events.register("before-send.s3", sent)
    client.meta.events.register("after-call.s3.GetObject", answered)
    return client, count


def _reading(work: Callable[[], bool]) -> Work:
    """Count the bytes that a piece of work reads from files, as the kernel counts them."""

    def counted() -> dict[str, int]:
        before = _read_by_now()
        assert work()  # noqa: S101
        return {"bytes_read": _read_by_now() - before}

    return counted


def _read_by_now() -> int:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"])


def _no_bucket(bucket: str) -> S3Client:
    raise ValueError(f"nobody needs {bucket}")
