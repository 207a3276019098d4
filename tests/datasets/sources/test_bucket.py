"""Datasets on S3, read from a server on a socket: what arrives."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.datasets.images import png_of
from tests.datasets.sources.buckets import cut_bodies, put
from tests.datasets.sources.zips import contents_of, open_and_close, zipped
from tests.waiting import LIMIT_S
from tuneloop.datasets.sources import s3
from tuneloop.datasets.sources.fetching import RemoteFile
from tuneloop.datasets.sources.opening import open_source
from tuneloop.errors import DatasetError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def test_everything_below_a_prefix_arrives_with_its_folders(client: S3Client, bucket: str) -> None:
    files = {"a.png": png_of(1), "b/c d.png": bytes(3 << 20), "b/c d.txt": "ein Täßchen".encode(), "ü.txt": b""}
    put(client, bucket, {f"cats/{name}": data for name, data in files.items()})
    put(client, bucket, {"cats/": b"", "cats/b/": b"", "cats/.DS_Store": b"x", "cats2/x.png": b"other"})
    told: list[tuple[int, int | None]] = []
    with open_source(
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
    with open_source(f"s3://{bucket}", client_for=lambda _: client) as source:
        assert contents_of(source.folder) == {"cats.zip/a.png": b"1"}
    with open_source(f"s3://{bucket}/cats.zip/", client_for=lambda _: client) as source:
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
    with open_source(
        f"s3://{bucket}/sets/cats.zip", client_for=lambda _: client, on_progress=lambda *said: told.append(said)
    ) as source:
        assert contents_of(source.folder) == {"a/b.png": png_of(1)}
    assert told[-1] == (len(data), len(data))


def test_body_that_breaks_off_is_fetched_again(client: S3Client, bucket: str) -> None:
    data = bytes(range(256)) * 8192
    put(client, bucket, {"p/a.png": data})
    broken = cut_bodies(client, times=2)
    with open_source(f"s3://{bucket}/p", client_for=lambda _: client) as source:
        assert contents_of(source.folder) == {"a.png": data}
    assert broken == [1, 2]


def test_default_client_uses_the_environment(
    client: S3Client, endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # It remembers the credentials of other tests.
    put(client, bucket, {"p/a.png": b"1"})
    for name, value in (("ACCESS_KEY_ID", "test-access"), ("SECRET_ACCESS_KEY", "test-secret")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with open_source(f"s3://{bucket}/p") as source:
        assert contents_of(source.folder) == {"a.png": b"1"}


def test_few_objects_are_fetched_at_a_time(client: S3Client, bucket: str) -> None:
    put(client, bucket, {f"p/{number}.png": b"%d" % number for number in range(40)})
    threads: set[str] = set()
    client.meta.events.register(
        "before-sign.s3.GetObject", lambda **_: threads.add(threading.current_thread().name)
    )
    with open_source(f"s3://{bucket}/p", client_for=lambda _: client) as source:
        assert len(contents_of(source.folder)) == 40
    assert 1 < len(threads) <= 8


def test_keys_with_slashes_that_stand_alone_are_read_as_the_aws_command_line_reads_them(
    client: S3Client, bucket: str
) -> None:
    keys = ["p//a.png", "p/b//c.png", "p/./d.png", "/f.png"]
    put(client, bucket, {**{key: key.encode() for key in keys}, "p/sub/": b"marker"})
    with open_source(f"s3://{bucket}/p", client_for=lambda _: client) as source:
        assert contents_of(source.folder) == {
            "a.png": b"p//a.png",
            "b/c.png": b"p/b//c.png",
            "d.png": b"p/./d.png",
        }
    with open_source(f"s3://{bucket}", client_for=lambda _: client) as source:
        assert set(contents_of(source.folder)) == {"p/a.png", "p/b/c.png", "p/d.png", "f.png"}
    with open_source(f"s3://{bucket}//", client_for=lambda _: client) as source:
        assert "f.png" in contents_of(source.folder)


def test_file_that_fails_stops_the_others_under_way(
    client: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, bucket, {"p/a.png": b"1", "p/b.png": b"2"})
    begun, stopped = threading.Event(), threading.Event()

    def pieces(item: RemoteFile, *_: object) -> Iterator[bytes]:
        if item.name == "a.png":
            begun.wait(LIMIT_S)
            raise DatasetError("a.png is broken")
        begun.set()
        try:
            yield from itertools.repeat(b"2", 1_000_000)
        except GeneratorExit:
            stopped.set()
            raise

    monkeypatch.setattr(s3, "_pieces", pieces)
    with pytest.raises(DatasetError, match=r"a.png is broken"):
        open_and_close(f"s3://{bucket}/p", client_for=lambda _: client)
    assert stopped.is_set()
