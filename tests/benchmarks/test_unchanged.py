"""What a run on an unchanged dataset asks for, and what keeps it from calling a changed one unchanged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from prefect.logging import disable_run_logger

from benchmarks.data.judged import make_judged
from benchmarks.data.material import make_captioned
from benchmarks.data.unchanged_run import context_for, make_store, request_for, unchanged_run
from tests.s3_server import fresh_bucket, s3_client, s3_server
from tuneloop.datasets.unchanged import scan_record_name, state_of
from tuneloop.ledger.collection import weights_problem
from tuneloop.orchestration.stages.preparation import _unchanged
from tuneloop.storage.s3 import CachingS3Store
from tuneloop.storage.s3_logs import count_requests, log_requests

MOST_REQUESTS = 15


class Shop(NamedTuple):
    """A store on S3, as one run opens it, and a place for images."""

    endpoint: str
    bucket: str
    folder: Path

    def opened(self, who: str) -> CachingS3Store:
        client = s3_client(self.endpoint)
        log_requests(client, self.folder / "requests.log", who)
        return CachingS3Store(client, self.bucket, "store")

    @property
    def log(self) -> list[str]:
        return (self.folder / "requests.log").read_text().splitlines()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def shop(endpoint: str, tmp_path: Path) -> Shop:
    made = Shop(endpoint, fresh_bucket(s3_client(endpoint)), tmp_path)
    make_captioned(tmp_path / "images", 6)
    make_store(made.opened("somebody"))
    return made


def test_unchanged_folder_costs_15_requests_at_most_whatever_the_store_holds(shop: Shop) -> None:
    first = shop.opened("first")
    make_judged(first, str(shop.folder / "images"), lambda _: first.client)
    for number in range(60):
        for kind in ("images", "scans", "inflight/segmind.default/job", "runs", "models/bench/decisions/other"):
            first.create(f"{kind}/{number:064x}", b"{}")
    assert unchanged_run(shop.opened("second"), str(shop.folder / "images")) is not None
    requests = count_requests(shop.folder / "requests.log", "second")
    assert sum(requests.values()) <= MOST_REQUESTS, shop.log
    assert "HeadBucket" not in requests


def test_unchanged_bucket_is_listed_once_and_nothing_of_it_is_read(shop: Shop) -> None:
    client = s3_client(shop.endpoint)
    for file in (shop.folder / "images").iterdir():
        client.put_object(Bucket=shop.bucket, Key=f"dataset/{file.name}", Body=file.read_bytes())
    dataset = f"s3://{shop.bucket}/dataset"
    make_judged(shop.opened("first"), dataset, lambda _: client)
    assert unchanged_run(shop.opened("second"), dataset) is not None
    of_dataset = [line for line in shop.log if line.startswith("second ") and f"{shop.bucket}/dataset" in line]
    assert of_dataset == [f"second ListObjectsV2 /{shop.bucket}/dataset/"]
    assert sum(count_requests(shop.folder / "requests.log", "second").values()) <= MOST_REQUESTS + 1


def test_changed_file_of_the_same_size_and_time_is_no_unchanged_dataset(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"one")
    times = file.stat()
    before = state_of(str(tmp_path))
    assert before is not None
    assert state_of(str(tmp_path)) == before
    file.write_bytes(b"two")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert file.stat().st_mtime_ns == times.st_mtime_ns
    assert state_of(str(tmp_path)) not in {None, before}


def test_files_from_the_future_prove_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"one")
    os.utime(tmp_path / "a.jpg", (4e9, 4e9))
    assert state_of(str(tmp_path)) is None


def test_every_name_counts_also_of_what_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"one")
    states = {state_of(str(tmp_path))}
    (tmp_path / "a.txt").write_text("a cup")
    states.add(state_of(str(tmp_path)))
    (tmp_path / ".hidden").write_text("x")
    states.add(state_of(str(tmp_path)))
    (tmp_path / "b.jpg").symlink_to(tmp_path.parent)
    states.add(state_of(str(tmp_path)))
    assert len(states) == 4


def test_object_that_is_written_anew_is_no_unchanged_dataset(shop: Shop) -> None:
    client = s3_client(shop.endpoint)
    client.put_object(Bucket=shop.bucket, Key="dataset/a.jpg", Body=b"one")
    dataset = f"s3://{shop.bucket}/dataset"
    before = state_of(dataset, lambda _: client)
    assert state_of(dataset, lambda _: client) == before
    client.put_object(Bucket=shop.bucket, Key="dataset/a.jpg", Body=b"two")
    assert state_of(dataset, lambda _: client) != before


@pytest.mark.parametrize("change", ["reason", "caption", "plan", "damaged"])
def test_earlier_look_decides_nothing_but_that_nothing_is_left_to_do(shop: Shop, change: str) -> None:
    store, dataset = shop.opened("first"), str(shop.folder / "images")
    make_judged(store, dataset, lambda _: store.client)
    wish, state = request_for(dataset), state_of(dataset)
    assert state is not None
    if change == "damaged":
        client, name = s3_client(shop.endpoint), f"store/{scan_record_name(state, wish.recipe)}"
        client.put_object(Bucket=shop.bucket, Key=name, Body=b"{")
    wish = {
        "reason": replace(wish, force_reason="once more"),
        "caption": replace(wish, recipe=wish.recipe.model_copy(update={"instance_prompt": "a cup"})),
        "plan": replace(wish, evaluation=wish.evaluation.model_copy(update={"seeds": (77,)})),
        "damaged": wish,
    }[change]
    with disable_run_logger():
        assert _unchanged(context_for(shop.opened("second"), "second"), wish, state) is None


def test_weights_of_a_champion_are_asked_for_in_each_run_by_their_size(shop: Shop) -> None:
    store, dataset = shop.opened("first"), str(shop.folder / "images")
    make_judged(store, dataset, lambda _: store.client)
    champion = context_for(store).ledger.champion("bench")
    assert champion is not None
    assert champion.weights is not None
    assert weights_problem(context_for(store).ledger, champion) is None
    s3_client(shop.endpoint).delete_object(Bucket=shop.bucket, Key=f"store/{champion.weights}")
    assert "are gone" in str(weights_problem(context_for(store).ledger, champion))
