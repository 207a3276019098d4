"""Lost requests and lost answers between boto3 and a real S3 server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.s3_server import OTHER_SERVER, s3_client, without_condition
from tests.storage.conftest import PART_SIZE
from tests.storage.failing_proxy import Failure, Orders, failing_proxy
from tuneloop.errors import StoreError, StoreUnavailable
from tuneloop.storage.s3 import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "team/loras"
BIG = b"b" * (PART_SIZE + 1_000)


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[Orders]:
    with failing_proxy(s3_endpoint) as orders:
        yield orders


@pytest.fixture
def hasty(proxy: Orders, bucket: str) -> S3Store:
    """A store whose boto3 sends each request once, behind the proxy."""
    return S3Store(s3_client(proxy.endpoint, resend=False), bucket, PREFIX, part_size=PART_SIZE)


@pytest.fixture
def patient(proxy: Orders, bucket: str) -> S3Store:
    """A store whose boto3 sends requests again, as in production, behind the proxy."""
    return S3Store(s3_client(proxy.endpoint), bucket, PREFIX, part_size=PART_SIZE)


def unfinished(client: S3Client, bucket: str) -> int:
    return len(client.list_multipart_uploads(Bucket=bucket).get("Uploads", []))


@pytest.mark.parametrize("failure", ["lose the answer", "lose the request", "answer 503"])
def test_creator_learns_that_it_won_whatever_was_lost(hasty: S3Store, proxy: Orders, failure: Failure) -> None:
    proxy.failures = [("PUT", failure)]
    assert hasty.create("log/0001.json", b"mine")
    assert proxy.failures == []
    assert hasty.read("log/0001.json") == b"mine"


def test_creator_wins_though_boto3_resends_and_is_told_that_the_name_is_taken(
    patient: S3Store, proxy: Orders
) -> None:
    proxy.failures = [("PUT", "lose the answer")]
    assert patient.create("log/0001.json", b"mine")
    assert [request.split()[0] for request in proxy.seen] == ["PUT", "PUT", "GET"]


@pytest.mark.parametrize("failure", ["lose the answer", "lose the request", "answer 503"])
def test_creator_learns_that_somebody_else_won_whatever_was_lost(
    hasty: S3Store, s3_store: S3Store, proxy: Orders, failure: Failure
) -> None:
    s3_store.create("log/0001.json", b"theirs")
    proxy.failures = [("PUT", failure)]
    assert not hasty.create("log/0001.json", b"mine")
    assert s3_store.read("log/0001.json") == b"theirs"


def test_lost_answer_to_the_reading_back_is_asked_for_again(hasty: S3Store, proxy: Orders) -> None:
    proxy.failures = [("PUT", "lose the answer"), ("GET", "lose the answer")]
    assert hasty.create("log/0001.json", b"mine")


def test_reading_back_that_breaks_off_is_not_taken_for_other_content(hasty: S3Store, proxy: Orders) -> None:
    proxy.failures = [("PUT", "lose the answer"), ("GET", "cut the answer")]
    assert hasty.create("log/0001.json", b"mine and long enough to be cut")


def test_creator_gives_up_without_an_answer_when_nothing_comes_through(hasty: S3Store, proxy: Orders) -> None:
    proxy.failures = [(method, "lose the request") for method in ("PUT", "GET") for _ in range(9)]
    with pytest.raises(StoreUnavailable, match=r"log/0001\.json.*127\.0\.0\.1.*run again"):
        hasty.create("log/0001.json", b"mine")


def test_body_that_breaks_off_is_an_error_and_no_short_object(hasty: S3Store, proxy: Orders) -> None:
    hasty.create("captions", b"a caption " * 500_000)
    proxy.failures = [("GET", "cut the answer")] * 3
    with pytest.raises(StoreUnavailable, match="no complete response"):
        hasty.read("captions")
    with pytest.raises(StoreUnavailable, match="no complete response"), hasty.open("captions") as stream:
        stream.read()
    with pytest.raises(StoreUnavailable, match="no complete response"):
        hasty.describe("captions")


@pytest.mark.parametrize(
    ("step", "failure"),
    [
        ("begin", "lose the answer"),
        ("part", "answer 503"),
        ("part", "lose the answer"),
        ("completion", "lose the answer"),
    ],
)
def test_large_stream_survives_one_loss_at_any_step(
    patient: S3Store, proxy: Orders, client: S3Client, bucket: str, step: str, failure: Failure
) -> None:
    def fail(method: str, path: str) -> None:
        steps = {"begin": "?uploads", "part": "partNumber=2", "completion": "?uploadId="}
        if steps[step] in path and (method == "POST") == (step != "part"):
            proxy.before = None
            proxy.failures = [(method, failure)]

    proxy.before = fail
    stored = patient.write_stream("weights", [BIG])
    assert proxy.before is None
    assert proxy.failures == []
    assert (stored.sha256, stored.size_bytes) == (hashlib.sha256(BIG).hexdigest(), len(BIG))
    assert patient.describe("weights") == stored.model_copy(update={"found": True})
    # An upload that was begun twice because the first answer was lost has an id that nobody knows.
    assert unfinished(client, bucket) == (1 if (step, failure) == ("begin", "lose the answer") else 0)


@pytest.mark.parametrize("failure", ["lose the answer", "lose the request", "answer 503"])
def test_large_stream_is_completed_whatever_was_lost(hasty: S3Store, proxy: Orders, failure: Failure) -> None:
    def fail(method: str, path: str) -> None:
        if method == "POST" and "uploadId=" in path:
            proxy.before = None
            proxy.failures = [("POST", failure)]

    proxy.before = fail
    stored = hasty.write_stream("weights", [BIG])
    assert proxy.before is None
    assert stored.sha256 == hashlib.sha256(BIG).hexdigest()
    assert hasty.describe("weights") == stored.model_copy(update={"found": True})


@pytest.mark.skipif(bool(OTHER_SERVER), reason="not every server knows the condition of a completion")
def test_completion_that_was_overtaken_yields_to_the_first(
    hasty: S3Store, s3_store: S3Store, proxy: Orders, client: S3Client, bucket: str
) -> None:
    def overtake(method: str, path: str) -> None:
        if method == "POST" and "uploadId=" in path:
            assert s3_store.create("weights", b"faster")

    proxy.before = overtake
    assert hasty.write_stream("weights", [BIG]).sha256 == hashlib.sha256(b"faster").hexdigest()
    assert s3_store.read("weights") == b"faster"
    assert unfinished(client, bucket) == 0


def test_first_stream_wins_on_a_server_that_ignores_the_condition_of_a_completion(
    s3_endpoint: str, bucket: str, s3_store: S3Store
) -> None:
    s3_store.create("weights", b"first")
    lax = S3Store(without_condition(s3_client(s3_endpoint)), bucket, PREFIX, part_size=PART_SIZE)
    assert lax.write_stream("weights", [BIG]).sha256 == hashlib.sha256(b"first").hexdigest()
    assert s3_store.read("weights") == b"first"


def test_large_stream_that_cannot_be_completed_leaves_nothing(
    hasty: S3Store, proxy: Orders, client: S3Client, bucket: str
) -> None:
    def fail(method: str, path: str) -> None:
        if method == "POST" and "uploadId=" in path:
            proxy.failures = [("POST", "lose the request")]

    proxy.before = fail
    with pytest.raises(StoreUnavailable, match="weights"):
        hasty.write_stream("weights", [BIG])
    assert not hasty.exists("weights")
    assert unfinished(client, bucket) == 0


def test_broken_large_stream_leaves_no_unfinished_upload(s3_store: S3Store, client: S3Client, bucket: str) -> None:
    def broken() -> Iterator[bytes]:
        yield BIG
        assert unfinished(client, bucket) == 1
        raise RuntimeError("cut")

    with pytest.raises(RuntimeError, match="cut"):
        s3_store.write_stream("weights", broken())
    assert unfinished(client, bucket) == 0
    assert not s3_store.exists("weights")


def test_error_of_a_stream_is_seen_even_when_the_server_is_gone_too(hasty: S3Store, proxy: Orders) -> None:
    def broken() -> Iterator[bytes]:
        yield BIG
        proxy.failures = [("DELETE", "lose the request")]
        raise RuntimeError("cut")

    with pytest.raises(RuntimeError, match="cut"):
        hasty.write_stream("weights", broken())


def test_store_errors_are_os_errors(hasty: S3Store, proxy: Orders) -> None:
    proxy.failures = [("GET", "answer 503")]
    with pytest.raises(OSError, match="status 503") as caught:
        hasty.read("x")
    assert isinstance(caught.value, StoreError)
