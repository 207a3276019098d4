"""One part on its way to S3: its pieces, its errors, and no secret in them."""

from __future__ import annotations

import logging
import random
import traceback
from collections.abc import Iterator

import pytest

from tests.s3_server import s3_client
from tests.storage.conftest import PART_SIZE
from tests.storage.failing_proxy import Failure, Orders, failing_proxy
from tuneloop.errors import StoreError
from tuneloop.storage import s3_upload
from tuneloop.storage.s3 import S3Store
from tuneloop.storage.upload import Part

NAME = "weights/job/lora.safetensors"
PREFIX = "team/loras"


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[Orders]:
    with failing_proxy(s3_endpoint) as orders:
        yield orders


def shown(error: BaseException | None) -> str:
    """An error as anybody may print it, with whatever hangs on it."""
    texts = []
    while error is not None:
        texts += [*traceback.format_exception(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return "".join(texts)


@pytest.mark.parametrize("failure", ["lose the request", "answer 503", None])
def test_presigned_address_of_a_part_is_in_no_log_and_no_error(
    proxy: Orders, bucket: str, caplog: pytest.LogCaptureFixture, failure: Failure | None
) -> None:
    store = S3Store(s3_client(proxy.endpoint, resend=False), bucket, PREFIX, part_size=PART_SIZE)
    upload = store.begin_upload(NAME)
    if failure is None:
        store.drop_upload(NAME, upload)
    else:
        proxy.failures = [("PUT", failure)]
    caplog.set_level(logging.DEBUG)
    part = Part(1, 0, 3)
    with (
        store.open_upload(NAME, upload, [part]) as opened,
        pytest.raises(StoreError, match=r"lora\.safetensors \(part 1\)") as caught,
    ):
        opened.put(part, [b"abc"])
    (sent,) = [seen for seen in proxy.seen if "X-Amz-Signature" in seen]
    signature = sent.partition("X-Amz-Signature=")[2].partition("&")[0]
    assert len(signature) == 64
    assert "PUT /" in caplog.text or failure == "lose the request"
    for text in (caplog.text, shown(caught.value)):
        assert signature not in text
        assert "X-Amz-Signature" not in text


def test_part_leaves_in_small_pieces_for_lines_that_are_slow() -> None:
    chunk = random.Random(3).randbytes(1_000_001)  # noqa: S311 - the same bytes each time
    pieces = list(s3_upload._pieces([chunk, b"end"]))
    assert b"".join(pieces) == chunk + b"end"
    assert max(map(len, pieces)) <= 128 << 10


def test_bucket_that_wants_checksums_ahead_is_told_with_its_remedy(proxy: Orders, bucket: str) -> None:
    watched = S3Store(s3_client(proxy.endpoint), bucket, PREFIX, part_size=PART_SIZE)
    proxy.failures = [("PUT", "say Object Lock")]
    upload = watched.begin_upload(NAME)
    with (
        watched.open_upload(NAME, upload, [Part(1, 0, 3)]) as opened,
        pytest.raises(StoreError, match=r"required with Object Lock.*default retention rule from this bucket"),
    ):
        opened.put(Part(1, 0, 3), [b"abc"])
