"""Answers that no S3 server gives, under statuses that mean success, and answers that say what a server lacks."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.one_answer import OneAnswer, one_answer
from tests.s3_server import s3_client
from tuneloop.errors import StoreError, StoreUnavailable
from tuneloop.storage.local_files import os_errors
from tuneloop.storage.s3 import S3Store, client_config
from tuneloop.storage.s3_errors import s3_errors
from tuneloop.storage.upload import Part

ENTRY = b"<Contents><Key>pre/x/1</Key><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>"
PAGE = b"<html><body>Please log in</body></html>"
NO_SUCH_HEADER = b"<Error><Code>NotImplemented</Code><Message>A header you provided implies</Message></Error>"


@pytest.fixture
def server() -> Iterator[OneAnswer]:
    with one_answer() as found:
        yield found


@pytest.fixture
def store(server: OneAnswer) -> S3Store:
    return S3Store(s3_client(server.url, resend=False), "bucket", "pre")


def list_of(inner: bytes) -> bytes:
    return b"<ListBucketResult>" + inner + b"</ListBucketResult>"


@pytest.mark.parametrize(
    "body",
    [
        PAGE,
        b"<html><br>no XML",
        b"",
        b"{}",
        list_of(b""),
        list_of(b"<Name>bucket</Name>"),
        list_of(b"<Name>bucket</Name><IsTruncated>true</IsTruncated>" + ENTRY),
        list_of(b"<Name>bucket</Name><IsTruncated>false</IsTruncated><Contents><Key>pre/x/1</Key></Contents>"),
        list_of(b"<Name>bucket</Name><IsTruncated>false</IsTruncated>" + ENTRY.replace(b"2026-01-01", b"soon")),
        list_of(b"<Name>bucket</Name><IsTruncated>false</IsTruncated>" + ENTRY.replace(b"pre/x", b"other/x")),
        b"<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>",
    ],
)
def test_answer_that_is_no_whole_list_of_the_prefix_is_no_empty_store(
    server: OneAnswer, store: S3Store, body: bytes
) -> None:
    server.body = body
    with pytest.raises(StoreUnavailable) as raised:
        list(store.names("x/"))
    assert "Please log in" not in str(raised.value)


@pytest.mark.parametrize("body", [PAGE, b"", list_of(b"")])
@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.create("x/1", b"record"),
        lambda store: store.read("x/1"),
        lambda store: store.open("x/1").__enter__(),
        lambda store: store.size("x/1"),
        lambda store: store.begin_upload("x/1"),
        lambda store: store.write_stream("x/1", [b"small"]),
        lambda store: store.write_stream("x/1", [b"x" * (9 << 20)]),
        lambda store: store.open_upload("x/1", "id", [Part(1, 0, 5)]).complete(),
    ],
)
def test_success_without_an_etag_is_not_believed(
    server: OneAnswer, store: S3Store, body: bytes, ask: Callable[[S3Store], object]
) -> None:
    server.body = body
    with pytest.raises(StoreUnavailable, match="does not respond as S3 does"):
        ask(store)


@pytest.mark.parametrize(
    "ask", [lambda store: store.create("x/1", b"record"), lambda store: list(store.names("x/"))]
)
@pytest.mark.parametrize("status", [301, 307])
def test_redirect_without_a_region_names_the_region(
    server: OneAnswer, store: S3Store, status: int, ask: Callable[[S3Store], object]
) -> None:
    server.status, server.headers = status, {"Location": f"{server.url}/elsewhere"}
    server.body = b"<Error><Code>PermanentRedirect</Code></Error>"
    with pytest.raises(StoreError, match="Set the region of the bucket") as raised:
        ask(store)
    assert not isinstance(raised.value, StoreUnavailable)


@pytest.mark.parametrize("code", [["A", "B"], {"X": "A"}, None])
def test_error_of_a_part_with_an_odd_code_is_an_error_of_the_store(code: object) -> None:
    """What the library's parser makes of a doubled, a nested and an empty code."""
    told: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    with pytest.raises(StoreError, match="status 403"), s3_errors("s3://bucket/x", "http://127.0.0.1"):
        raise ClientError(told, "UploadPart")


@pytest.mark.parametrize("body", [NO_SUCH_HEADER, b"", PAGE])
def test_server_without_conditional_writes_is_refused_for_good_at_the_first_request(
    server: OneAnswer, store: S3Store, body: bytes
) -> None:
    server.status, server.body = 501, body
    with pytest.raises(StoreError, match=r"does not honour If-None-Match.*Use a server that does") as raised:
        store.create("x/1", b"record")
    assert not isinstance(raised.value, StoreUnavailable)
    assert len(server.seen) == 1


def test_server_without_lists_is_refused_for_good(server: OneAnswer, store: S3Store) -> None:
    server.status, server.body = 501, NO_SUCH_HEADER
    with pytest.raises(StoreError, match="Use another S3 server, or a local directory") as raised:
        list(store.names("x/"))
    assert not isinstance(raised.value, StoreUnavailable)


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK])
def test_file_system_without_hard_links_is_told_to_be_one(tmp_path: Path, code: int) -> None:
    with pytest.raises(StoreError, match="file system that has hard links"), os_errors(tmp_path, "x/1"):
        raise OSError(code, "no link")


def test_key_that_cannot_be_sent_is_named_as_such_and_not_shown(server: OneAnswer) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id="AKIAFROMFILE\n",
        aws_secret_access_key="secret",
        region_name="us-east-1",
        config=client_config(),
    )
    with pytest.raises(StoreError, match="credentials for S3 cannot be sent") as raised:
        S3Store(client, "bucket").read("x/1")
    assert not isinstance(raised.value, StoreUnavailable)
    assert "AKIAFROMFILE" not in str(raised.value)
    assert server.seen == []
