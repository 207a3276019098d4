"""Datasets on S3, read from a server on a socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSRequest

from tests.dataset.pictures import png_of
from tests.s3_server import fresh_bucket, s3_client, s3_server
from tests.sources.zips import contents_of, open_and_close, zipped
from tuneloop.errors import DatasetError
from tuneloop.sources import limits
from tuneloop.sources.bucket import default_client
from tuneloop.sources.opening import opened

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def client(endpoint: str) -> S3Client:
    return s3_client(endpoint)


@pytest.fixture
def bucket(client: S3Client) -> str:
    return fresh_bucket(client)


def put(client: S3Client, bucket: str, files: dict[str, bytes]) -> None:
    for key, data in files.items():
        client.put_object(Bucket=bucket, Key=key, Body=data)


def gets_of(client: S3Client) -> list[str]:
    """Keys that are fetched from now on."""
    keys: list[str] = []
    client.meta.events.register("before-sign.s3.GetObject", lambda request, **_: keys.append(request.url))
    return keys


def test_everything_below_a_prefix_arrives_with_its_folders(client: S3Client, bucket: str) -> None:
    files = {"a.png": png_of(1), "b/c d.png": bytes(3 << 20), "b/c d.txt": "ein Täßchen".encode(), "ü.txt": b""}
    put(client, bucket, {f"cats/{name}": data for name, data in files.items()})
    put(client, bucket, {"cats/": b"", "cats/b/": b"", "cats/.DS_Store": b"x", "cats2/x.png": b"other"})
    told: list[tuple[int, int | None]] = []
    with opened(
        f"s3://{bucket}/cats", client_for=lambda _: client, on_progress=lambda *said: told.append(said)
    ) as source:
        assert contents_of(source.folder) == files
        assert (source.label, source.public) == (f"s3://{bucket}/cats", None)
    assert not source.folder.exists()
    total = sum(map(len, files.values()))
    assert [all_of for _, all_of in told] == [total] * 4
    assert told[-1] == (total, total)


def test_whole_bucket_and_slash_at_the_end_are_prefixes_too(client: S3Client, bucket: str) -> None:
    put(client, bucket, {"cats.zip/a.png": b"1"})
    with opened(f"s3://{bucket}", client_for=lambda _: client) as source:
        assert contents_of(source.folder) == {"cats.zip/a.png": b"1"}
    with opened(f"s3://{bucket}/cats.zip/", client_for=lambda _: client) as source:
        assert contents_of(source.folder) == {"a.png": b"1"}


def test_client_is_asked_for_by_bucket(client: S3Client, bucket: str) -> None:
    put(client, bucket, {"a.png": b"1"})
    asked: list[str] = []

    def client_for(name: str) -> S3Client:
        asked.append(name)
        return client

    open_and_close(f"s3://{bucket}", client_for=client_for)
    assert asked == [bucket]


def test_zip_on_s3_is_unpacked(client: S3Client, bucket: str) -> None:
    data = zipped({"a/b.png": png_of(1)})
    put(client, bucket, {"sets/cats.zip": data, "sets/cats.zip.old": b"x"})
    told: list[tuple[int, int | None]] = []
    with opened(
        f"s3://{bucket}/sets/cats.zip", client_for=lambda _: client, on_progress=lambda *said: told.append(said)
    ) as source:
        assert contents_of(source.folder) == {"a/b.png": png_of(1)}
    assert told[-1] == (len(data), len(data))


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
        (["p/../evil"], "'../evil' leads out of the folder"),
        (["p/a/../../evil"], "leads out of the folder"),
        (["p//evil"], "'/evil' is an absolute name"),
        (["p/a//b"], "empty part"),
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


def listed_too(client: S3Client, keys: list[str], size_bytes: int = 1) -> None:
    """Let a listing name more keys. Servers for tests take some of them for paths of their own."""

    def add(parsed: dict[str, Any], **_: object) -> None:
        parsed["Contents"] += [{"Key": key, "Size": size_bytes, "ETag": '"x"'} for key in keys]

    client.meta.events.register("after-call.s3.ListObjectsV2", add)


def test_folder_with_contents_is_named(client: S3Client, bucket: str) -> None:
    put(client, bucket, {"p/a/": b"contents"})
    with pytest.raises(DatasetError, match="'a/' has an empty part"):
        open_and_close(f"s3://{bucket}/p", client_for=lambda _: client)


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("MOST_FILES", 2, "holds more than 2 objects; name a smaller folder"),
        ("LARGEST_DATASET_BYTES", 5, "holds more than 5 bytes; name a smaller folder"),
        ("LARGEST_FILE_BYTES", 1, "has 2 bytes; 1 is the most for one file"),
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
    monkeypatch.setattr(limits, "LARGEST_ZIP_BYTES", 1)
    fetched = gets_of(client)
    with pytest.raises(DatasetError, match="has 2 bytes; 1 is the most that is fetched"):
        open_and_close(f"s3://{bucket}/cats.zip", client_for=lambda _: client)
    assert fetched == []


def test_a_hundred_thousand_keys_are_refused_after_half_of_their_pages(client: S3Client, bucket: str) -> None:
    put(client, bucket, {"p/0.png": b"1"})
    pages: list[int] = []

    def a_thousand(parsed: dict[str, Any], **_: object) -> None:
        pages.append(len(pages))
        parsed["Contents"] = [
            {"Key": f"p/{len(pages)}-{number}.png", "Size": 1, "ETag": '"x"'} for number in range(1000)
        ]
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


def test_body_that_breaks_off_is_fetched_again(client: S3Client, bucket: str) -> None:
    data = bytes(range(256)) * 8192
    put(client, bucket, {"p/a.png": data})
    broken = cut_bodies(client, times=2)
    with opened(f"s3://{bucket}/p", client_for=lambda _: client) as source:
        assert contents_of(source.folder) == {"a.png": data}
    assert broken == [1, 2]


def test_body_that_breaks_off_again_and_again_is_said_to(client: S3Client, bucket: str) -> None:
    put(client, bucket, {"p/a.png": bytes(2 << 20)})
    broken = cut_bodies(client, times=9)
    with pytest.raises(DatasetError, match=r"p/a.png: S3 gave no whole answer .*; run again"):
        open_and_close(f"s3://{bucket}/p", client_for=lambda _: client)
    assert len(broken) == 3


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


def test_bucket_that_is_not_there_is_named(client: S3Client) -> None:
    for source in ("s3://no-such-bucket-anywhere/p", "s3://no-such-bucket-anywhere/p.zip"):
        with pytest.raises(DatasetError, match=rf"{source}: there is no such bucket; correct its name"):
            open_and_close(source, client_for=lambda _: client)


def test_server_that_does_not_answer_is_said_to() -> None:
    gone = s3_client("http://127.0.0.1:1", resend=False)
    with pytest.raises(DatasetError, match=r"s3://bucket/p: S3 gave no whole answer .*; run again"):
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
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(DatasetError, match=r"there are no credentials for S3; keep the store on S3 too"):
        open_and_close(f"s3://{bucket}/p", client_for=default_client)


def test_default_client_uses_the_environment(
    client: S3Client, endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, bucket, {"p/a.png": b"1"})
    for name, value in (("ACCESS_KEY_ID", "test-access"), ("SECRET_ACCESS_KEY", "test-secret")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with opened(f"s3://{bucket}/p") as source:
        assert contents_of(source.folder) == {"a.png": b"1"}


def test_few_objects_are_fetched_at_a_time(client: S3Client, bucket: str) -> None:
    put(client, bucket, {f"p/{number}.png": b"%d" % number for number in range(40)})
    threads: set[str] = set()
    client.meta.events.register(
        "before-sign.s3.GetObject", lambda **_: threads.add(threading.current_thread().name)
    )
    with opened(f"s3://{bucket}/p", client_for=lambda _: client) as source:
        assert len(contents_of(source.folder)) == 40
    assert 1 < len(threads) <= 8
