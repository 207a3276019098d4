"""The bucket policy of the docs, on Ceph's gateway, for a user that may do nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests

from benchmarks.data.ceph_gateway import Gateway, ceph_gateway
from benchmarks.debian_packages import NotToBeHad
from tests.s3_server import fresh_bucket, s3_client
from tests.storage.conftest import PART_SIZE
from tests.storage.ranged import File, Killed, safetensors
from tuneloop.errors import StoreError
from tuneloop.storage.identity import create_store, verify
from tuneloop.storage.s3 import S3Store
from tuneloop.storage.transfer import transfer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.long  # a Ceph cluster of its own

DOCUMENT = Path(__file__).parents[2] / "docs" / "operating.md"
USER = "tuneloop"
WEIGHTS = "weights/a/lora.safetensors"
FILE = safetensors(2 * PART_SIZE + 10_000)


def documented() -> dict[str, Any]:
    (block,) = re.findall(r"```json\n(\{\n  \"Version\".*?)```", DOCUMENT.read_text(), re.DOTALL)
    policy: dict[str, Any] = json.loads(block)
    return policy


RIGHTS = [right for statement in documented()["Statement"] for right in statement["Action"]]


@dataclass(frozen=True)
class Guest:
    """A user who owns nothing, and a bucket of somebody else's."""

    owner: S3Client
    bucket: str
    client: S3Client

    def may(self, *, all_but: str = "") -> None:
        """Give the rights of the docs, but for one."""
        policy = documented()
        for statement in policy["Statement"]:
            statement["Action"] = [right for right in statement["Action"] if right != all_but]
        text = json.dumps(policy).replace("my-bucket", self.bucket)
        self.owner.put_bucket_policy(Bucket=self.bucket, Policy=text)

    def stores(self) -> tuple[S3Store, S3Store]:
        """A new store below the prefix of the docs, and the same one with the keys of the bucket's owner."""
        prefix = f"artifacts/{uuid4().hex}"
        ours, theirs = (
            S3Store(each, self.bucket, prefix, part_size=PART_SIZE) for each in (self.client, self.owner)
        )
        return ours, theirs


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    try:
        with ceph_gateway(tmp_path_factory.mktemp("ceph"), 1 << 30) as running:
            yield running
    except NotToBeHad as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def guest(gateway: Gateway) -> Guest:
    owner = s3_client(gateway.endpoint, keys=(gateway.access_key, gateway.secret_key))
    keys = gateway.add_user(USER)
    return Guest(owner, fresh_bucket(owner), s3_client(gateway.endpoint, resend=False, keys=keys))


def use(store: S3Store, before: S3Store) -> None:
    """Do with a store all that can be done with one, also with what other keys have left in it before.

    Ceph lets everybody read what they have written themselves. What is refused raises `StoreError`.
    """
    create_store(store, "a person")
    verify(store)
    assert store.create("trainings/a/0001.json", b"one")
    assert not store.create("trainings/a/0001.json", b"two")
    before.create("trainings/a/0002.json", b"two")
    assert store.read("trainings/a/0002.json") == b"two"
    assert store.size("trainings/a/0003.json") is None
    store.rewrite("pages/models.html", b"<p>page")
    assert requests.get(store.presigned_url("pages/models.html", timedelta(hours=1)), timeout=60).text == "<p>page"
    assert list(store.names("pages/")) == ["pages/models.html"]

    killed = File(FILE)
    killed.killed_after = PART_SIZE + 1000
    with pytest.raises(Killed):
        transfer(before, WEIGHTS, killed.source, "w")
    assert transfer(store, WEIGHTS, File(FILE).source, "w").size_bytes == len(FILE)
    store.drop_upload("weights/b/lora.safetensors", before.begin_upload("weights/b/lora.safetensors"))
    assert store.sweep("weights/", timedelta(days=7)) == 0

    store.create("inflight/a", b"")
    store.delete_marker("inflight/a")
    assert not store.exists("inflight/a")


def test_rights_of_the_docs_are_enough(guest: Guest) -> None:
    guest.may()
    use(*guest.stores())


@pytest.mark.parametrize("right", RIGHTS)
def test_without_one_of_the_rights_a_store_cannot_be_used(guest: Guest, right: str) -> None:
    guest.may(all_but=right)
    with pytest.raises(StoreError, match=r"AccessDenied|status 403"):
        use(*guest.stores())


def test_rights_end_at_the_prefix(guest: Guest) -> None:
    guest.may()
    with pytest.raises(StoreError, match="s3:PutObject"):
        S3Store(guest.client, guest.bucket, "elsewhere").create("a", b"x")
