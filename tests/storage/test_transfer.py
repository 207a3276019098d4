"""What every store promises of a file that comes in part by part."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import cast

import pytest

from tests.storage.conftest import PART_SIZE
from tests.storage.ranged import File, Killed, safetensors, sha256
from tuneloop.errors import InvalidWeights, StoreError, StoreUnavailable
from tuneloop.storage import upload
from tuneloop.storage.base import Store
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import S3Store
from tuneloop.storage.transfer import Transfer, records, transfer
from tuneloop.storage.upload import MAX_PARTS, Part, UploadGone, part_size_for, parts_of

NAME = "weights/job/lora.safetensors"
BIG = 3 * PART_SIZE + 54_321
HEADER = len(safetensors(BIG)) - BIG


def again(store: Store) -> Store:
    """The same store as another process sees it."""
    if isinstance(store, LocalDirectory):
        return LocalDirectory(store._folder, part_size=store.part_size)
    mine = cast(S3Store, store)
    return S3Store(mine.client, mine._bucket, mine._prefix, part_size=mine.part_size)


@pytest.fixture
def small_parts(store: Store) -> Store:
    """A store with the smallest parts that S3 takes."""
    store.part_size = PART_SIZE
    return store


@pytest.mark.parametrize("size", [1, PART_SIZE - 1_000, 2 * PART_SIZE, BIG])
def test_file_arrives_whole_and_each_byte_is_read_once_after_its_header(small_parts: Store, size: int) -> None:
    file = File(safetensors(size))
    stored = transfer(small_parts, NAME, file.source, "the weights")
    assert (stored.sha256, stored.size_bytes) == (sha256(file.data), len(file.data))
    assert small_parts.read(NAME) == file.data
    assert file.bytes_read == len(file.data) + len(file.data) - size  # the header twice
    assert small_parts.describe(NAME) == stored.model_copy(update={"found": True})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data[:-1], "ends after"),
        (lambda data: data + b"x", "goes on after"),
        (lambda data: data[:5], "within its header"),
        (lambda data: data[:20], "within its header"),
        (lambda _: b"<!DOCTYPE html><html>Sign in</html>", "not the length of a header"),
        (lambda data: data.replace(b"U8", b"U9"), "unknown type"),
    ],
)
def test_broken_file_is_refused_before_anything_but_its_header_is_read(
    small_parts: Store, change: Callable[[bytes], bytes], reason: str
) -> None:
    file = File(change(safetensors(BIG)))
    with pytest.raises(InvalidWeights, match=reason):
        transfer(small_parts, NAME, file.source, "the weights")
    assert file.bytes_read <= HEADER
    assert list(small_parts.names("")) == []


def test_file_whose_header_is_good_is_recorded_before_its_first_part_and_without_an_address(
    small_parts: Store,
) -> None:
    file = File(safetensors(BIG))
    file.killed_after = HEADER
    with pytest.raises(Killed):
        transfer(small_parts, NAME, file.source, "the weights")
    assert list(small_parts.names("")) == [f"transfers/{NAME}/0001.json"]
    (record,) = records(small_parts, NAME)
    assert (record.size_bytes, record.etag, record.part_size) == (len(file.data), '"one"', PART_SIZE)
    assert b"http" not in small_parts.read(f"transfers/{NAME}/0001.json")


@pytest.mark.parametrize("killed_after", [0, 7, HEADER, HEADER + 1, HEADER + PART_SIZE, HEADER + PART_SIZE + 1])
def test_killed_transfer_goes_on_after_its_last_whole_part(small_parts: Store, killed_after: int) -> None:
    file = File(safetensors(BIG))
    file.killed_after = killed_after
    with pytest.raises(Killed):
        transfer(small_parts, NAME, file.source, "the weights")
    assert not small_parts.exists(NAME)
    begun = len(records(small_parts, NAME))
    file.reads.clear()
    file.killed_after = None
    stored = transfer(again(small_parts), NAME, file.source, "the weights")
    assert stored.sha256 == sha256(file.data)
    assert small_parts.read(NAME) == file.data
    finished = max(0, killed_after - HEADER) // PART_SIZE * PART_SIZE
    if begun:
        # Neither the header nor a part that was there is read a second time.
        assert file.bytes_read == len(file.data) - finished
    assert min(start for start, _ in file.reads) == (finished if begun else 0)
    assert len(records(small_parts, NAME)) == 1


def test_transfer_that_is_killed_again_and_again_reads_every_part_once(small_parts: Store) -> None:
    file = File(safetensors(BIG))
    kills = 0
    while True:
        file.killed_after = PART_SIZE + PART_SIZE // 2
        try:
            stored = transfer(again(small_parts), NAME, file.source, "the weights")
            break
        except Killed:
            kills += 1
    assert kills >= 2
    assert stored.sha256 == sha256(file.data)
    assert file.bytes_read <= len(file.data) + HEADER + kills * PART_SIZE


def test_file_that_changed_between_two_attempts_is_begun_anew(small_parts: Store) -> None:
    file = File(safetensors(BIG))
    file.killed_after = HEADER + PART_SIZE
    with pytest.raises(Killed):
        transfer(small_parts, NAME, file.source, "the weights")
    other = File(safetensors(BIG, seed=1), etag='"two"')
    stored = transfer(again(small_parts), NAME, other.source, "the weights")
    assert stored.sha256 == sha256(other.data)
    assert small_parts.read(NAME) == other.data
    assert [record.etag for record in records(small_parts, NAME)] == ['"one"', '"two"']


def test_file_of_another_size_under_the_same_etag_is_begun_anew(small_parts: Store) -> None:
    file = File(safetensors(BIG))
    file.killed_after = HEADER + PART_SIZE
    with pytest.raises(Killed):
        transfer(small_parts, NAME, file.source, "the weights")
    other = File(safetensors(BIG + 1))
    assert transfer(again(small_parts), NAME, other.source, "the weights").sha256 == sha256(other.data)


def test_another_writer_that_takes_the_name_meanwhile_wins(small_parts: Store) -> None:
    file = File(safetensors(BIG))
    taken: list[int] = []

    def overtake(done: int) -> None:
        if done > 2 * PART_SIZE and not taken:
            taken.append(done)
            assert small_parts.create(NAME, b"faster")

    stored = transfer(small_parts, NAME, file.watched(overtake), "the weights")
    assert stored.sha256 == sha256(b"faster")
    assert small_parts.read(NAME) == b"faster"


def test_two_transfers_of_one_file_at_once_end_alike(small_parts: Store) -> None:
    mine, theirs = File(safetensors(BIG)), File(safetensors(BIG))
    told: list[str] = []

    def meanwhile(done: int) -> None:
        if done > 2 * PART_SIZE and not told:
            told.append("")
            told[0] = transfer(again(small_parts), NAME, theirs.source, "the weights").sha256

    stored = transfer(small_parts, NAME, mine.watched(meanwhile), "the weights")
    assert stored.sha256 == told[0] == sha256(mine.data)
    assert small_parts.read(NAME) == mine.data
    assert len(records(small_parts, NAME)) == 1


@pytest.mark.parametrize("etag", ['"one"', '"two"'])
def test_transfer_that_is_begun_by_two_at_once_is_one_or_said_to_be_of_another_file(
    small_parts: Store, monkeypatch: pytest.MonkeyPatch, etag: str
) -> None:
    theirs = File(safetensors(BIG), etag=etag)
    theirs.killed_after = HEADER + PART_SIZE + 1
    create, begun = small_parts.create, []

    def overtaken(name: str, data: bytes) -> bool:
        begun.append(Transfer.model_validate_json(data).upload)
        with pytest.raises(Killed):
            transfer(again(small_parts), NAME, theirs.source, "the weights")
        return create(name, data)

    monkeypatch.setattr(small_parts, "create", overtaken)
    mine = File(safetensors(BIG))
    if etag == mine.etag:
        assert transfer(small_parts, NAME, mine.source, "the weights").sha256 == sha256(mine.data)
        assert mine.bytes_read == len(mine.data) + HEADER - PART_SIZE
    else:
        with pytest.raises(StoreUnavailable, match="begun by another process for another file"):
            transfer(small_parts, NAME, mine.source, "the weights")
    (record,) = records(small_parts, NAME)
    assert record.upload != begun[0]
    if isinstance(small_parts, S3Store):
        with pytest.raises(UploadGone), small_parts.open_upload(NAME, begun[0], []) as mine_alone:
            mine_alone.done()


def test_file_of_too_many_parts_gets_larger_ones(small_parts: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "MAX_PARTS", 2)
    file = File(safetensors(BIG))
    assert transfer(small_parts, NAME, file.source, "the weights").sha256 == sha256(file.data)
    assert records(small_parts, NAME)[0].part_size == -(-len(file.data) // 2)


def test_upload_that_lacks_a_part_is_never_completed(small_parts: Store) -> None:
    begun = small_parts.begin_upload(NAME)
    parts = [Part(1, 0, PART_SIZE), Part(2, PART_SIZE, PART_SIZE + 3)]
    with small_parts.open_upload(NAME, begun, parts) as opened:
        opened.put(parts[0], [bytes(PART_SIZE)])
        with pytest.raises(StoreError, match="nothing was stored"):
            opened.complete()
    assert not small_parts.exists(NAME)


def test_upload_can_be_given_up_twice_and_before_anything_was_sent(small_parts: Store) -> None:
    begun = small_parts.begin_upload(NAME)
    for _ in range(2):
        small_parts.drop_upload(NAME, begun)


@pytest.mark.parametrize("by", [-1, 1])
def test_part_that_is_not_as_long_as_it_should_be_is_refused(small_parts: Store, by: int) -> None:
    file = File(safetensors(BIG))
    honest = file._chunks

    def lying(start: int, stop: int) -> object:
        return honest(start, stop + by if start == PART_SIZE else stop)

    file._chunks = lying  # type: ignore[method-assign, assignment]
    with pytest.raises(InvalidWeights, match=f"bytes {PART_SIZE:,} to {2 * PART_SIZE:,} did not arrive"):
        transfer(small_parts, NAME, file.source, "the weights")
    assert not small_parts.exists(NAME)
    file._chunks = honest  # type: ignore[method-assign]
    file.reads.clear()
    assert transfer(again(small_parts), NAME, file.source, "the weights").sha256 == sha256(file.data)
    assert file.bytes_read == len(file.data) - PART_SIZE


def test_record_that_cannot_be_read_costs_another_fetch_and_nothing_else(small_parts: Store) -> None:
    small_parts.create(f"transfers/{NAME}/0001.json", b"{")
    file = File(safetensors(BIG))
    assert transfer(small_parts, NAME, file.source, "the weights").sha256 == sha256(file.data)
    assert list(small_parts.names("transfers/")) == [f"transfers/{NAME}/{n:04}.json" for n in (1, 2)]


def test_parts_cover_a_file_and_are_never_too_many() -> None:
    for size in (1, 99, 100, 101, 12_345):
        parts = parts_of(size, 100)
        assert [part.number for part in parts] == list(range(1, len(parts) + 1))
        assert (parts[0].start, parts[-1].stop) == (0, size)
        assert all(one.stop == two.start for one, two in pairwise(parts))
    huge = 5 << 40
    assert len(parts_of(huge, part_size_for(huge, 64 << 20))) <= MAX_PARTS
    assert part_size_for(10_000 * (64 << 20), 64 << 20) == 64 << 20
