"""The look at a store before anything is paid for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.s3_server import s3_client, without_condition
from tests.storage.failing_proxy import failing_proxy
from tuneloop.errors import RecordUnreadable, StoreError
from tuneloop.storage.local_directory import LocalDirectory
from tuneloop.storage.s3 import S3Store
from tuneloop.storage.store import Store
from tuneloop.storage.verification import verify

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def test_new_store_gets_an_identity_and_keeps_it(store: Store) -> None:
    identity = verify(store)
    assert len(identity.store_id) == 32
    assert verify(store) == identity
    assert list(store.names("")) == ["store.json"]


def test_two_stores_have_two_identities(local_store: Store, s3_store: Store) -> None:
    assert verify(local_store).store_id != verify(s3_store).store_id


@pytest.mark.parametrize("known_before", [False, True])
def test_server_that_ignores_if_none_match_is_refused(
    s3_endpoint: str, bucket: str, client: S3Client, known_before: bool
) -> None:
    if known_before:
        verify(S3Store(client, bucket))
    store = S3Store(without_condition(s3_client(s3_endpoint)), bucket)
    with pytest.raises(StoreError, match=rf"s3://{bucket} cannot keep records.*ignores If-None-Match.*Amazon"):
        verify(store)


def test_looking_takes_three_requests(s3_endpoint: str, bucket: str) -> None:
    with failing_proxy(s3_endpoint) as proxy:
        store = S3Store(s3_client(proxy.endpoint), bucket)
        verify(store)
        assert [request.split()[0] for request in proxy.seen] == ["PUT", "PUT", "GET"]
        proxy.seen.clear()
        verify(store)
        assert [request.split()[0] for request in proxy.seen] == ["PUT", "GET", "GET"]


def test_store_that_cannot_be_written_is_refused(tmp_path: Path, client: S3Client) -> None:
    with pytest.raises(StoreError, match="mkdir"):
        verify(LocalDirectory(tmp_path / "missing"))
    with pytest.raises(StoreError, match="Create the bucket"):
        verify(S3Store(client, "no-such-bucket"))


@pytest.mark.parametrize("found", [b"", b"{}", b'{"schema_number":2,"store_id":"x"}', b"[]", b"\xff"])
def test_store_of_another_version_is_refused(store: Store, found: bytes) -> None:
    store.create("store.json", found)
    with pytest.raises(RecordUnreadable, match=r"store\.json.*Update Tuneloop"):
        verify(store)
