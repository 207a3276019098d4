"""A store on S3 is backed up and restored by the steps of `docs/bad-days.md`, with Amazon's own program."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prefect_aws import AwsCredentials, S3Bucket
from pydantic import SecretStr

from benchmarks.data.ceph_gateway import ceph_gateway
from benchmarks.debian_packages import NotToBeHad
from blocks.segmind_credentials import SegmindCredentials
from tests.conftest import draw_images
from tests.flows.bill import Bill
from tests.flows.runs import here
from tests.flows.test_bad_days import Reader
from tests.flows.test_registry import reigning
from tests.s3_server import ACCESS_KEY, SECRET_KEY, fresh_bucket, s3_client, s3_server
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Progress, running_emulator
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import open_store
from tuneloop.orchestration.stores import init_store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = [pytest.mark.usefixtures("alone"), pytest.mark.long]  # five runs, and a Ceph cluster of its own

WEIGHTS_BYTES = 20 << 20
"""More than `aws` copies in one request."""


@dataclass(frozen=True)
class Server:
    """An S3 server, and the keys of somebody who may do everything there."""

    name: str
    """Of the blocks of the store and of its account, too."""
    endpoint: str
    access_key: str
    secret_key: str

    @property
    def store(self) -> str:
        return f"s3-bucket/{self.name}"

    @property
    def client(self) -> S3Client:
        return s3_client(self.endpoint, keys=(self.access_key, self.secret_key))

    @property
    def environment(self) -> dict[str, str]:
        """What `aws` reads of it, and nothing of this machine's own settings."""
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
        }

    def store_is_at(self, bucket: str, prefix: str) -> None:
        """Let the block of the store be there."""
        credentials = AwsCredentials(
            aws_access_key_id=self.access_key,
            aws_secret_access_key=SecretStr(self.secret_key),
            region_name="us-east-1",
            aws_client_parameters={"endpoint_url": self.endpoint},
        )
        block = S3Bucket(bucket_name=bucket, credentials=credentials, bucket_folder=prefix)
        block.save(self.name, overwrite=True)

    def contents(self, bucket: str, prefix: str) -> dict[str, tuple[str, dict[str, str], str]]:
        """Everything below a prefix: content type, metadata and sha256 by name."""
        found = {}
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
            for key in (item["Key"] for item in page.get("Contents", ())):
                read = self.client.get_object(Bucket=bucket, Key=key)
                sha256 = hashlib.sha256(read["Body"].read()).hexdigest()
                found[key.removeprefix(f"{prefix}/")] = (read["ContentType"], read["Metadata"], sha256)
        return found


@pytest.fixture(params=["moto", "ceph"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    if request.param == "moto":
        with s3_server() as endpoint:
            yield Server("moto", endpoint, ACCESS_KEY, SECRET_KEY)
        return
    folder = tmp_path / "ceph"
    folder.mkdir()
    try:
        with ceph_gateway(folder, 1 << 30) as running:
            yield Server("ceph", running.endpoint, running.access_key, running.secret_key)
    except NotToBeHad as reason:
        pytest.skip(str(reason))


@pytest.fixture
def emulator(stack: Stack, server: Server, tmp_path: Path) -> Iterator[EmulatorControl]:
    """A provider with weights of a usual size, and an account that trains into this store only."""
    del stack
    folder, progress = tmp_path / "segmind", Progress.at_once()
    with running_emulator("segmind", folder, weights_bytes=WEIGHTS_BYTES, progress=progress) as control:
        SegmindCredentials(api_key=control.api_key, base_url=control.url).save(server.name, overwrite=True)
        yield control


def test_store_that_was_backed_up_and_restored_goes_on(
    server: Server, stack: Stack, bill: Bill, wish: dict[str, Any], tmp_path: Path
) -> None:
    bucket, other = fresh_bucket(server.client), fresh_bucket(server.client)
    server.store_is_at(bucket, "loras")
    init_store(server.store)
    model = wish["model"]
    wish |= {"store": server.store, "credentials": f"segmind-credentials/{server.name}"}
    assert here(wish).name == "Completed"

    places: dict[str, object] = {
        "s3://my-bucket/loras": f"s3://{bucket}/loras",
        "s3://my-backup/loras": f"s3://{other}/loras",
    }
    back_up(server, stack, places)
    wish["dataset"] = str(draw_images(tmp_path / "second", 4, shade=21))
    assert here(wish).name == "Completed"
    back_up(server, stack, places)
    before, lost = reigning(Ledger(open_store(server.store)), model), server.contents(bucket, "loras")
    assert (before.number, len(bill.trainings), bill.images) == (2, 2, 2)
    bill.clear()

    for name in lost:
        server.client.delete_object(Bucket=bucket, Key=f"loras/{name}")
    reader = restore(server, stack, other, bucket)
    # Every byte, under the store's id and with the types that were there.
    assert server.contents(bucket, "restored") == lost

    assert here(wish).name == "Cached"
    assert (bill.orders, bill.images) == ([], 0)
    file = tmp_path / "pulled.safetensors"
    assert reader.run("tuneloop", "pull", model, "--store", server.store, "--output", str(file)).returncode == 0
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before.sha256

    # Its names are still written once, and it is trained into.
    wish["dataset"] = str(draw_images(tmp_path / "third", 4, shade=42))
    assert here(wish).name == "Completed"
    assert reigning(Ledger(open_store(server.store)), model).number == before.number + 1
    assert (len(bill.trainings), bill.images) == (1, 1)


def back_up(server: Server, stack: Stack, places: dict[str, object]) -> None:
    reader = Reader("Backing up a store", stack, places, copier="aws", environment=server.environment)
    done = reader.next()
    assert done.returncode == 0, done.stderr
    assert reader.is_done()


def restore(server: Server, stack: Stack, backup: str, bucket: str) -> Reader:
    """Restore what a bucket has to another one, and look at the store there. Returns who did."""
    places: dict[str, object] = {
        "s3://my-backup/loras": f"s3://{backup}/loras", "s3://my-bucket/restored": f"s3://{bucket}/restored",
        "s3-bucket/loras": server.store,
    }  # fmt: skip
    reader = Reader("Restoring a store", stack, places, copier="aws", environment=server.environment)
    done = reader.next()
    assert done.returncode == 0, done.stderr
    server.store_is_at(bucket, "restored")
    status = reader.next().stdout
    assert f"Nothing is in flight in {server.store}" in status, status
    assert f"Not tracked: segmind-credentials/{server.name}" not in status
    assert reader.is_done()
    return reader
