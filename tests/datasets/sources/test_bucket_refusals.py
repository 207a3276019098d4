"""Datasets on S3, read from a server on a socket: what is refused, and in which words."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSRequest

from tests.datasets.sources.buckets import cut_bodies, gets_of, put
from tests.datasets.sources.zips import open_and_close
from tests.s3_server import s3_client
from tuneloop.datasets.sources import limits
from tuneloop.datasets.sources.s3 import default_client
from tuneloop.errors import DatasetError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def test_zip_that_is_not_there_is_named(client: S3Client, bucket: str) -> None:
    put(client, bucket, {"cats.zip.old": b"x"})
    with pytest.raises(DatasetError, match=rf"s3://{bucket}/cats.zip: there is no such object; check the address"):
        open_and_close(f"s3://{bucket}/cats.zip", client_for=lambda _: client)


def test_nothing_below_a_prefix_is_said(client: S3Client, bucket: str) -> None:
    put(client, bucket, {"cats/": b"", "cats2/a.png": b"1"})
    with pytest.raises(DatasetError, match=rf"s3://{bucket}/cats: there is nothing below this address"):
        open_and_close(f"s3://{bucket}/cats", client_for=lambda _: client)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (["p/a", "p/a/b"], "'a' is a file and, with 'a/b', a folder at once"),
        (["p/../evil"], "the key 'p/../evil' leads out of the folder"),
        (["p/a/../../evil"], "leads out of the folder"),
        (["p/.//..//evil"], "leads out of the folder"),
        (["p/C:/evil"], "absolute name"),
        (["p/a/b", "p/a//b"], "the keys 'p/a/b' and 'p/a//b' would be one file; rename one"),
        (["p/a", "p/./a"], "the keys 'p/a' and 'p/./a' would be one file"),
        (["p/a\\b"], "backslash"),
        (["p/a\nb"], "control characters"),
        (["p/" + "x" * 300], "too long a name"),
    ],
)
def test_key_that_cannot_be_a_file_is_named_before_anything_is_fetched(
    client: S3Client, bucket: str, keys: list[str], reason: str
) -> None:
    put(client, bucket, {"p/0.png": b"1"})
    listed_too(client, keys)
    fetched = gets_of(client)
    with pytest.raises(DatasetError, match=reason):
        open_and_close(f"s3://{bucket}/p", client_for=lambda _: client)
    assert fetched == []


def _listed(key: str, size_bytes: int) -> dict[str, Any]:
    return {"Key": key, "Size": size_bytes, "ETag": '"x"', "LastModified": datetime.now(UTC)}


def listed_too(client: S3Client, keys: list[str], size_bytes: int = 1) -> None:
    """Let a listing name more keys. Servers for tests take some of them for paths of their own."""

    def add(parsed: dict[str, Any], **_: object) -> None:
        parsed["Contents"] += [_listed(key, size_bytes) for key in keys]

    client.meta.events.register("after-call.s3.ListObjectsV2", add)


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("MAX_FILES", 2, "holds more than 2 objects; name a smaller folder"),
        ("MAX_DATASET_BYTES", 5, "holds more than 5 bytes; name a smaller folder"),
        ("MAX_FILE_BYTES", 1, "has 2 bytes; the limit for one file is 1"),
    ],
)
def test_too_much_is_refused_before_anything_is_fetched(
    client: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, reason: str
) -> None:
    put(client, bucket, {f"p/{number}.png": b"12" for number in range(3)})
    monkeypatch.setattr(limits, limit, value)
    fetched = gets_of(client)
    with pytest.raises(DatasetError, match=reason):
        open_and_close(f"s3://{bucket}/p", client_for=lambda _: client)
    assert fetched == []


def test_large_zip_is_refused_before_it_is_fetched(
    client: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, bucket, {"cats.zip": b"12"})
    monkeypatch.setattr(limits, "MAX_ZIP_BYTES", 1)
    fetched = gets_of(client)
    with pytest.raises(DatasetError, match="has 2 bytes; the limit is 1"):
        open_and_close(f"s3://{bucket}/cats.zip", client_for=lambda _: client)
    assert fetched == []


def test_a_hundred_thousand_keys_are_refused_after_half_of_their_pages(client: S3Client, bucket: str) -> None:
    put(client, bucket, {"p/0.png": b"1"})
    pages: list[int] = []

    def a_thousand(parsed: dict[str, Any], **_: object) -> None:
        pages.append(len(pages))
        parsed["Contents"] = [_listed(f"p/{len(pages)}-{number}.png", 1) for number in range(1000)]
        parsed.update(IsTruncated=len(pages) < 100, NextContinuationToken=str(len(pages)))

    client.meta.events.register("after-call.s3.ListObjectsV2", a_thousand)
    client.meta.events.register("before-parameter-build.s3.ListObjectsV2", forget_token)
    with pytest.raises(DatasetError, match="holds more than 50,000 objects"):
        open_and_close(f"s3://{bucket}/p", client_for=lambda _: client)
    assert len(pages) == 51


def forget_token(params: dict[str, Any], **_: object) -> None:
    params.pop("ContinuationToken", None)


def test_object_changed_while_it_is_read_is_noticed(client: S3Client, bucket: str, endpoint: str) -> None:
    put(client, bucket, {"p/a.png": b"old", "p/b.png": b"old"})
    other = s3_client(endpoint)
    once = threading.Event()

    def change(request: AWSRequest, **_: object) -> None:  # noqa: ARG001 - boto3 gives it by name
        if not once.is_set():
            once.set()
            put(other, bucket, {"p/a.png": b"new", "p/b.png": b"new"})

    client.meta.events.register("before-sign.s3.GetObject", change)
    with pytest.raises(DatasetError, match=r"p/[ab].png: it changed while it was read; run again"):
        open_and_close(f"s3://{bucket}/p", client_for=lambda _: client)


def test_object_gone_since_it_was_listed_is_noticed(client: S3Client, bucket: str, endpoint: str) -> None:
    put(client, bucket, {"p/a.png": b"old"})
    other = s3_client(endpoint)

    def delete(request: AWSRequest, **_: object) -> None:  # noqa: ARG001 - boto3 gives it by name
        other.delete_object(Bucket=bucket, Key="p/a.png")

    client.meta.events.register("before-sign.s3.GetObject", delete)
    with pytest.raises(DatasetError, match=r"p/a.png: it changed while it was read"):
        open_and_close(f"s3://{bucket}/p", client_for=lambda _: client)


def test_body_that_breaks_off_again_and_again_is_said_to(client: S3Client, bucket: str) -> None:
    put(client, bucket, {"p/a.png": bytes(2 << 20)})
    broken = cut_bodies(client, times=9)
    with pytest.raises(DatasetError, match=r"p/a.png: S3 gave no complete response .*; run again"):
        open_and_close(f"s3://{bucket}/p", client_for=lambda _: client)
    assert len(broken) == 3


def test_bucket_that_is_not_there_is_named(client: S3Client) -> None:
    for source in ("s3://no-such-bucket-anywhere/p", "s3://no-such-bucket-anywhere/p.zip"):
        with pytest.raises(DatasetError, match=rf"{source}: there is no such bucket; correct its name"):
            open_and_close(source, client_for=lambda _: client)


def test_server_that_does_not_answer_is_said_to() -> None:
    gone = s3_client("http://127.0.0.1:1", resend=False)
    with pytest.raises(DatasetError, match=r"s3://bucket/p: S3 gave no complete response .*; run again"):
        open_and_close("s3://bucket/p", client_for=lambda _: gone)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("AccessDenied", "these credentials may not read it; allow them s3:ListBucket"),
        ("InvalidAccessKeyId", "the credentials are not accepted"),
        ("PermanentRedirect", "in another region"),
        ("SomethingNew", "it cannot be read; run again later"),
    ],
)
def test_refusal_is_one_sentence_with_its_remedy(client: S3Client, bucket: str, code: str, reason: str) -> None:
    def refuse(http_response: Any, parsed: dict[str, Any], **_: object) -> None:
        http_response.status_code = 403
        parsed["Error"] = {"Code": code, "Message": "no"}

    client.meta.events.register("after-call.s3.ListObjectsV2", refuse)
    with pytest.raises(DatasetError, match=rf"s3://{bucket}/p: .*{reason}.*S3 answered {code}"):
        open_and_close(f"s3://{bucket}/p", client_for=lambda _: client)


def test_no_credentials_are_said_to_be_missing(
    endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # It remembers the credentials of other tests.
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(DatasetError, match=r"there are no credentials for S3; keep the store on S3 too"):
        open_and_close(f"s3://{bucket}/p", client_for=default_client)
