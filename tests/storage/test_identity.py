"""The look at a store before anything is paid for."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.s3_server import s3_client, without_condition
from tests.storage.failing_proxy import failing_proxy
from tuneloop.errors import CorruptRecord, NoStore, StoreError
from tuneloop.storage.base import Store
from tuneloop.storage.identity import create_store, identity_of, verify
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def test_store_is_made_once_and_keeps_its_identity(store: Store) -> None:
    identity = create_store(store, "a person")
    assert (len(identity.store_id), identity.created_by) == (32, "a person")
    assert create_store(store, "somebody else") == identity
    assert verify(store) == identity
    assert list(store.names("")) == ["store.json"]


def test_place_without_a_store_is_refused_and_stays_empty(store: Store) -> None:
    with pytest.raises(NoStore, match=r"not a Tuneloop store.*volume mounted.*prefix right"):
        verify(store)
    assert list(store.names("")) == []


def test_store_of_before_who_made_it_was_written_down_is_read(store: Store) -> None:
    store.create("store.json", b'{"schema_number":2,"store_id":"abc"}')
    assert verify(store).store_id == "abc"


def test_two_stores_have_two_identities(local_store: Store, s3_store: Store) -> None:
    assert create_store(local_store, "x").store_id != create_store(s3_store, "x").store_id


@pytest.mark.parametrize("known_before", [False, True])
def test_server_that_ignores_if_none_match_is_refused(
    s3_endpoint: str, bucket: str, client: S3Client, known_before: bool
) -> None:
    store = S3Store(without_condition(s3_client(s3_endpoint)), bucket)
    identity = create_store(S3Store(client, bucket) if known_before else store, "x")
    with pytest.raises(StoreError, match=rf"s3://{bucket} cannot keep records.*ignores If-None-Match.*Amazon"):
        verify(store)
    assert identity_of(store).store_id == identity.store_id


def test_looking_takes_three_requests(s3_endpoint: str, bucket: str) -> None:
    with failing_proxy(s3_endpoint) as proxy:
        store = S3Store(s3_client(proxy.endpoint), bucket)
        create_store(store, "x")
        proxy.seen.clear()
        verify(store)
        assert [request.split()[0] for request in proxy.seen] == ["GET", "PUT", "GET"]


def test_store_that_cannot_be_written_is_refused(tmp_path: Path, client: S3Client) -> None:
    with pytest.raises(StoreError, match="mkdir"):
        verify(LocalDirectory(tmp_path / "missing"))
    with pytest.raises(StoreError, match="Create the bucket"):
        verify(S3Store(client, "no-such-bucket"))


@pytest.mark.parametrize(
    "found",
    [
        b"",
        b"{}",
        b'{"schema_number":1,"store_id":"x"}',
        b'{"schema_number":3,"store_id":"x"}',
        b'{"schema_number":2,"store_id":"x","told_later":1}',
        b"[]",
        b"\xff",
    ],
)
def test_store_of_another_version_is_refused(store: Store, found: bytes) -> None:
    store.create("store.json", found)
    with pytest.raises(CorruptRecord, match=r"store\.json.*Update Tuneloop"):
        verify(store)


@pytest.mark.parametrize(("ahead_s", "said"), [(3600, "ahead of"), (-1500, "behind"), (45, "ahead of")])
def test_store_in_s3_whose_clock_is_not_ours_is_refused(
    s3_endpoint: str, bucket: str, ahead_s: float, said: str
) -> None:
    with failing_proxy(s3_endpoint) as proxy:
        store = S3Store(s3_client(proxy.endpoint), bucket)
        create_store(store, "x")
        verify(store)
        proxy.ahead_s = ahead_s
        with pytest.raises(StoreError, match=rf"The clock of s3://{bucket} is \d+ s {said}.*Set both by NTP"):
            verify(store)


def test_folder_whose_server_has_another_clock_is_refused(
    local_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(datetime):
        """The clock of this machine is 25 minutes behind."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) - timedelta(minutes=25)

    create_store(local_store, "x")
    verify(local_store)
    monkeypatch.setattr("tuneloop.clock.datetime", Slow)
    with pytest.raises(StoreError, match=r"clock of file://.* is 1\d\d\d s ahead of the clock of this machine"):
        verify(local_store)
