"""What is particular to uploads in parts to S3: lost answers, uploads that vanish, and what is swept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.s3_server import OTHER_SERVER, s3_client, without_condition
from tests.storage.conftest import PART_SIZE
from tests.storage.failing_proxy import Failure, Orders, failing_proxy
from tests.storage.ranged import File, Killed, safetensors, sha256
from tuneloop.errors import StoreError, StoreUnavailable
from tuneloop.storage.s3 import S3Store
from tuneloop.storage.transfer import records, transfer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAME = "weights/job/lora.safetensors"
PREFIX = "team/loras"
FILE = safetensors(2 * PART_SIZE + 10_000)
WEEK = timedelta(days=7)


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[Orders]:
    with failing_proxy(s3_endpoint) as orders:
        yield orders


@pytest.fixture
def watched(proxy: Orders, bucket: str) -> S3Store:
    """A store behind the proxy whose boto3 sends requests again, as in production."""
    return S3Store(s3_client(proxy.endpoint), bucket, PREFIX, part_size=PART_SIZE)


def unfinished(client: S3Client, bucket: str) -> list[str]:
    return [item["Key"] for item in client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


def killed_at(store: S3Store, file: File, size_bytes: int) -> None:
    file.killed_after = size_bytes
    with pytest.raises(Killed):
        transfer(store, NAME, file.source, "w")
    file.killed_after = None
    file.reads.clear()


@pytest.mark.parametrize("failure", ["lose the answer", "lose the request", "answer 503", "cut the answer"])
@pytest.mark.parametrize(
    ("method", "where"),
    [("PUT", "partNumber=2"), ("POST", "?uploads"), ("POST", "?uploadId="), ("GET", "?uploadId=")],
)
def test_one_loss_at_any_step_is_survived(
    watched: S3Store, proxy: Orders, method: str, where: str, failure: Failure
) -> None:
    def fail(now: str, path: str) -> None:
        if now == method and where in path:
            proxy.before = None
            proxy.failures = [(method, failure)]

    proxy.before = fail
    file = File(FILE)
    stored = transfer(watched, NAME, file.source, "w")
    assert proxy.before is None
    assert proxy.failures == []
    assert (stored.sha256, stored.size_bytes) == (sha256(FILE), len(FILE))
    assert watched.read(NAME) == FILE
    assert file.bytes_read <= len(FILE) + PART_SIZE + 200


def test_part_that_arrived_with_its_answer_lost_is_not_fetched_again(watched: S3Store, proxy: Orders) -> None:
    def fail(method: str, path: str) -> None:
        if method == "PUT" and "partNumber=2" in path:
            proxy.before = None
            proxy.failures = [("PUT", "lose the answer")]

    proxy.before = fail
    file = File(FILE)
    assert transfer(watched, NAME, file.source, "w").sha256 == sha256(FILE)
    assert [start for start, _ in file.reads].count(PART_SIZE) == 1


def test_upload_that_vanished_between_two_attempts_is_begun_anew(
    s3_store: S3Store, client: S3Client, bucket: str
) -> None:
    file = File(FILE)
    killed_at(s3_store, file, PART_SIZE * 3 // 2)
    (first,) = records(s3_store, NAME)
    s3_store.drop_upload(NAME, first.upload)
    assert transfer(s3_store, NAME, file.source, "w").sha256 == sha256(FILE)
    # Its header was found good before, and it is the same file.
    assert file.bytes_read == len(FILE)
    first_again, second = records(s3_store, NAME)
    assert first_again == first
    assert second.upload != first.upload
    assert unfinished(client, bucket) == []


def test_upload_that_vanishes_under_our_hands_is_begun_anew(
    s3_store: S3Store, client: S3Client, bucket: str
) -> None:
    file = File(FILE)
    dropped: list[str] = []

    def drop(done: int) -> None:
        if done > PART_SIZE and not dropped:
            dropped.append(records(s3_store, NAME)[0].upload)
            s3_store.drop_upload(NAME, dropped[0])

    assert transfer(s3_store, NAME, file.watched(drop), "w").sha256 == sha256(FILE)
    assert len(records(s3_store, NAME)) == 2
    assert unfinished(client, bucket) == []


def test_upload_of_which_the_server_says_that_there_is_no_such_key_is_begun_anew(
    watched: S3Store, proxy: Orders
) -> None:
    killed_at(watched, File(FILE), PART_SIZE * 3 // 2)

    def only_of_the_upload(_: str, path: str) -> None:
        proxy.failures = [("GET", "say NoSuchKey")] if "?uploadId=" in path and first in path else []

    (record,) = records(watched, NAME)
    first = record.upload
    proxy.before = only_of_the_upload
    assert transfer(watched, NAME, File(FILE).source, "w").sha256 == sha256(FILE)
    assert len(records(watched, NAME)) == 2


def test_upload_that_vanishes_before_its_completion_is_begun_anew(
    watched: S3Store, s3_store: S3Store, proxy: Orders
) -> None:
    def drop(method: str, _: str) -> None:
        # Whether the name is taken is asked just before the completion.
        if method == "HEAD":
            proxy.before = None
            s3_store.drop_upload(NAME, records(s3_store, NAME)[0].upload)

    proxy.before = drop
    assert transfer(watched, NAME, File(FILE).source, "w").sha256 == sha256(FILE)
    assert len(records(s3_store, NAME)) == 2


def test_uploads_that_always_vanish_are_an_error_with_its_reason(s3_store: S3Store) -> None:
    def drop(_: int) -> None:
        for begun in records(s3_store, NAME)[-1:]:  # none while the header is read
            s3_store.drop_upload(NAME, begun.upload)

    with pytest.raises(StoreUnavailable, match=r"3 uploads vanished.*lifecycle rule"):
        transfer(s3_store, NAME, File(FILE).watched(drop), "w")


def test_upload_completed_by_somebody_else_is_described(s3_store: S3Store) -> None:
    file = File(FILE)
    killed_at(s3_store, file, PART_SIZE * 3 // 2)
    (record,) = records(s3_store, NAME)
    completed: list[int] = []

    def complete(done: int) -> None:
        if done > 2 * PART_SIZE and not completed:
            completed.append(done)
            stored = transfer(S3Store(s3_store.client, s3_store._bucket, PREFIX), NAME, File(FILE).source, "w")
            assert stored.sha256 == sha256(FILE)

    assert transfer(s3_store, NAME, file.watched(complete), "w").sha256 == sha256(FILE)
    assert records(s3_store, NAME) == [record]


def test_file_that_changed_leaves_no_unfinished_upload(s3_store: S3Store, client: S3Client, bucket: str) -> None:
    killed_at(s3_store, File(FILE), PART_SIZE * 3 // 2)
    other = File(safetensors(2 * PART_SIZE, seed=1), etag='"two"')
    assert transfer(s3_store, NAME, other.source, "w").sha256 == sha256(other.data)
    assert unfinished(client, bucket) == []


def test_first_file_wins_on_a_server_that_ignores_the_condition_of_a_completion(
    s3_endpoint: str, bucket: str, s3_store: S3Store, client: S3Client
) -> None:
    lax = S3Store(without_condition(s3_client(s3_endpoint)), bucket, PREFIX, part_size=PART_SIZE)

    def overtake(done: int) -> None:
        if done == len(FILE):
            s3_store.create(NAME, b"first")

    assert transfer(lax, NAME, File(FILE).watched(overtake), "w").sha256 == sha256(b"first")
    assert s3_store.read(NAME) == b"first"
    assert unfinished(client, bucket) == []


@pytest.mark.skipif(bool(OTHER_SERVER), reason="not every server knows the condition of a completion")
def test_completion_that_is_overtaken_on_its_way_yields_to_the_first(
    watched: S3Store, s3_store: S3Store, proxy: Orders, client: S3Client, bucket: str
) -> None:
    def overtake(method: str, path: str) -> None:
        if method == "POST" and "?uploadId=" in path:
            s3_store.create(NAME, b"first")

    proxy.before = overtake
    assert transfer(watched, NAME, File(FILE).source, "w").sha256 == sha256(b"first")
    assert s3_store.read(NAME) == b"first"
    assert unfinished(client, bucket) == []


@pytest.mark.skipif(bool(OTHER_SERVER), reason="a server may refuse a short part by itself")
def test_part_of_another_size_on_the_server_is_never_completed(s3_store: S3Store, client: S3Client) -> None:
    def replace(done: int) -> None:
        if done == len(FILE):
            (record,) = records(s3_store, NAME)
            client.upload_part(
                Bucket=s3_store._bucket,
                Key=f"{PREFIX}/{NAME}",
                UploadId=record.upload,
                PartNumber=1,
                Body=b"x" * (PART_SIZE + 1),
            )

    with pytest.raises(StoreError, match="parts of other sizes"):
        transfer(s3_store, NAME, File(FILE).watched(replace), "w")
    assert not s3_store.exists(NAME)
    # It is sent again, over the wrong one.
    assert transfer(s3_store, NAME, File(FILE).source, "w").sha256 == sha256(FILE)


def test_lists_of_parts_go_on_over_pages(watched: S3Store, proxy: Orders) -> None:
    killed_at(watched, File(FILE), 2 * PART_SIZE + 5_000)
    watched.client.meta.events.register(
        "before-parameter-build.s3.ListParts", lambda params, **_: params.update(MaxParts=1)
    )
    file = File(FILE)
    proxy.seen.clear()
    assert transfer(watched, NAME, file.source, "w").sha256 == sha256(FILE)
    assert file.bytes_read == len(FILE) - 2 * PART_SIZE
    pages = [seen for seen in proxy.seen if seen.startswith("GET") and "uploadId=" in seen]
    assert len(pages) >= 2 + 3


def test_error_of_the_source_passes_unchanged_and_leaves_the_parts(s3_store: S3Store) -> None:
    file = File(FILE)
    file.killed_after = PART_SIZE * 3 // 2
    with pytest.raises(Killed) as caught:
        transfer(s3_store, NAME, file.source, "w")
    assert caught.value.__cause__ is None
    (record,) = records(s3_store, NAME)
    with s3_store.open_upload(NAME, record.upload, []) as upload:
        assert upload.done() == {1: PART_SIZE}


def test_old_uploads_below_the_prefix_are_swept_and_nothing_else(
    s3_store: S3Store, client: S3Client, bucket: str
) -> None:
    others = (f"{PREFIX}/images/b", f"{PREFIX}/weights/not ours", "team/loras2/weights/a/lora", "weights/c")
    for key in (f"{PREFIX}/weights/a/lora", *others):
        client.create_multipart_upload(Bucket=bucket, Key=key)
    # Servers tell when an upload was begun; moto says 2010 of all.
    if not OTHER_SERVER:
        assert s3_store.sweep("weights/", timedelta(days=36_500)) == 0
    assert s3_store.sweep("weights/", timedelta(0) if OTHER_SERVER else WEEK) == 1
    assert sorted(unfinished(client, bucket)) == sorted(others)


@pytest.mark.skipif(bool(OTHER_SERVER), reason="only moto's uploads are old from the start")
def test_upload_that_a_young_record_names_is_never_swept_until_the_file_is_there(
    s3_store: S3Store, client: S3Client, bucket: str
) -> None:
    file = File(FILE)
    killed_at(s3_store, file, PART_SIZE * 3 // 2)
    orphan = s3_store.begin_upload(NAME)
    assert s3_store.sweep("weights/", WEEK) == 1
    (record,) = records(s3_store, NAME)
    assert record.upload != orphan
    assert transfer(s3_store, NAME, file.source, "w").sha256 == sha256(FILE)
    assert file.bytes_read == len(FILE) - PART_SIZE
    s3_store.begin_upload(NAME)
    assert s3_store.sweep("weights/", WEEK) == 1
    assert unfinished(client, bucket) == []


@pytest.mark.skipif(bool(OTHER_SERVER), reason="only moto's uploads are old from the start")
def test_upload_that_only_an_old_record_names_is_swept(s3_store: S3Store, client: S3Client, bucket: str) -> None:
    killed_at(s3_store, File(FILE), PART_SIZE * 3 // 2)
    assert s3_store.sweep("weights/", timedelta(0)) == 1
    assert unfinished(client, bucket) == []
    assert transfer(s3_store, NAME, File(FILE).source, "w").sha256 == sha256(FILE)
