"""What is remembered of a store on S3 within one run, and what never is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.s3_server import s3_client
from tuneloop.errors import ObjectNotFound
from tuneloop.storage import s3
from tuneloop.storage.s3 import CachingS3Store
from tuneloop.storage.s3_logs import count_requests, log_requests

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "requests.log"


@pytest.fixture
def remembering(s3_endpoint: str, bucket: str, log: Path) -> CachingS3Store:
    client = s3_client(s3_endpoint)
    log_requests(client, log, "me")
    return CachingS3Store(client, bucket, "team")


def test_what_was_written_or_read_once_is_not_read_again(
    remembering: CachingS3Store, client: S3Client, bucket: str, log: Path
) -> None:
    client.put_object(Bucket=bucket, Key="team/trainings/key/0001.json", Body=b"theirs")
    assert remembering.create("renders/job/a.jpg", b"mine")
    for _ in range(3):
        assert remembering.read("trainings/key/0001.json") == b"theirs"
        with remembering.open("renders/job/a.jpg") as stream:
            assert stream.read() == b"mine"
    assert count_requests(log, "me") == {"PutObject": 1, "GetObject": 1}
    assert log.read_text().splitlines()[0] == f"me PutObject /{bucket}/team/renders/job/a.jpg"
    assert count_requests(log, "somebody else") == {}


@pytest.mark.parametrize(
    "name", ["store.json", "inflight/account/job/run", "weights/job/a", "models/robot/reports/a.html"]
)
def test_what_shows_something_is_asked_for_each_time(
    remembering: CachingS3Store, client: S3Client, bucket: str, name: str
) -> None:
    client.put_object(Bucket=bucket, Key=f"team/{name}", Body=b"one")
    assert remembering.read(name) == b"one"
    client.put_object(Bucket=bucket, Key=f"team/{name}", Body=b"two")
    assert remembering.read(name) == b"two"


def test_absence_is_not_remembered_and_lists_and_sizes_are_asked_for_each_time(
    remembering: CachingS3Store, client: S3Client, bucket: str
) -> None:
    name = "trainings/key/0001.json"
    with pytest.raises(ObjectNotFound):
        remembering.read(name)
    client.put_object(Bucket=bucket, Key=f"team/{name}", Body=b"theirs")
    assert remembering.read(name) == b"theirs"
    client.delete_object(Bucket=bucket, Key=f"team/{name}")
    assert list(remembering.names("trainings/")) == []
    assert remembering.size(name) is None


def test_another_writer_of_the_same_name_is_noticed(
    remembering: CachingS3Store, client: S3Client, bucket: str
) -> None:
    client.put_object(Bucket=bucket, Key="team/runs/a.json", Body=b"theirs")
    assert not remembering.create("runs/a.json", b"mine")
    assert remembering.read("runs/a.json") == b"theirs"


def test_memory_has_a_bound(remembering: CachingS3Store, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_MAX_CACHE_BYTES", 250)
    for name in "abc":
        remembering.create(f"images/{name}", name.encode() * 100)
    for name in "cba":
        assert remembering.read(f"images/{name}") == name.encode() * 100
    assert count_requests(log, "me")["GetObject"] == 1
