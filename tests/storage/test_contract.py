"""What every store promises, asked of each kind."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from tests.storage.conftest import PART_SIZE
from tuneloop.errors import ObjectNotFound, StoreError
from tuneloop.storage.base import Store

BIG = PART_SIZE + 12_345


def pieces(size: int, piece: int = 1 << 20) -> Iterator[bytes]:
    """A stream of recognisable bytes."""
    for start in range(0, size, piece):
        yield bytes([start // piece % 251]) * min(piece, size - start)


def sha256(size: int) -> str:
    return hashlib.sha256(b"".join(pieces(size))).hexdigest()


def test_created_bytes_are_read_back(store: Store) -> None:
    assert store.create("runs/one.json", b"\x00first\xff")
    assert store.read("runs/one.json") == b"\x00first\xff"
    assert store.size("runs/one.json") == 7
    assert store.exists("runs/one.json")


def test_second_content_of_a_name_is_refused_and_changes_nothing(store: Store) -> None:
    store.create("log/0001.json", b"mine")
    assert not store.create("log/0001.json", b"theirs")
    assert store.read("log/0001.json") == b"mine"


def test_page_of_a_stable_address_is_written_anew_and_nothing_else_is(store: Store) -> None:
    for name in ("pages/models.html", "models/robot/latest.html"):
        for data in (b"yesterday's", b"today's"):
            store.rewrite(name, data)
            assert store.read(name) == data
    store.create("trainings/key/0001.json", b"mine")
    with pytest.raises(StoreError, match=r"'trainings/key/0001\.json' stays"):
        store.rewrite("trainings/key/0001.json", b"theirs")
    assert store.read("trainings/key/0001.json") == b"mine"


def test_same_content_again_counts_as_created(store: Store) -> None:
    assert store.create("log/0001.json", b"mine")
    assert store.create("log/0001.json", b"mine")


def test_beginning_of_the_content_is_other_content(store: Store) -> None:
    store.create("log/0001.json", b"mine and more")
    assert not store.create("log/0001.json", b"mine")
    assert not store.create("log/0001.json", b"")


def test_empty_object_exists(store: Store) -> None:
    assert store.create("inflight/acme/job/run", b"")
    assert store.exists("inflight/acme/job/run")
    assert store.size("inflight/acme/job/run") == 0
    assert store.read("inflight/acme/job/run") == b""


def test_absent_name_is_absent_to_every_method(store: Store) -> None:
    store.create("log/0001.json", b"other")
    assert store.size("log/0002.json") is None
    assert not store.exists("log/0002.json")
    assert list(store.names("log/0002")) == []
    with pytest.raises(ObjectNotFound, match=r"log/0002\.json does not exist"):
        store.read("log/0002.json")
    with pytest.raises(ObjectNotFound), store.open("log/0002.json"):
        pass
    with pytest.raises(ObjectNotFound):
        store.describe("log/0002.json")


def test_beginning_of_longer_names_is_not_an_object(store: Store) -> None:
    store.create("log/a/0001.json", b"x")
    assert not store.exists("log/a")
    with pytest.raises(ObjectNotFound):
        store.read("log/a")
    assert not store.exists("log/a/0001.json/more")


def test_names_are_sorted_as_whole_names_below_a_prefix(store: Store) -> None:
    names = ["log/a/2", "log/a-b", "log/a.b", "log/a/10", "log/A", "log2/x", "other"]
    for name in names:
        store.create(name, b"")
    assert list(store.names("log/")) == ["log/A", "log/a-b", "log/a.b", "log/a/10", "log/a/2"]
    assert list(store.names("log")) == ["log/A", "log/a-b", "log/a.b", "log/a/10", "log/a/2", "log2/x"]
    assert list(store.names("log/a/1")) == ["log/a/10"]
    assert list(store.names("log/a/10")) == ["log/a/10"]
    assert list(store.names("log/a/10/")) == []
    assert list(store.names("nothing/here")) == []
    assert list(store.names("")) == sorted(names)


def test_addresses_name_the_store(store: Store) -> None:
    store.create("runs/one.json", b"x")
    assert store.uri_of("runs/one.json") == f"{store.uri}/runs/one.json"
    assert not store.uri.endswith("/")
    assert store.uri.startswith(("s3://test-", "file:///"))


@pytest.mark.parametrize("size", [0, 1, PART_SIZE - 1, PART_SIZE, PART_SIZE * 2 + 1])
def test_stream_is_stored_whole_with_its_fingerprint(store: Store, size: int) -> None:
    stored = store.write_stream("weights/lora.safetensors", pieces(size))
    assert (stored.sha256, stored.size_bytes) == (sha256(size), size)
    assert stored.uri == store.uri_of("weights/lora.safetensors")
    assert store.read("weights/lora.safetensors") == b"".join(pieces(size))
    assert store.describe("weights/lora.safetensors") == stored.model_copy(update={"found": True})


def test_stream_of_one_piece_beyond_all_parts_is_stored_whole(store: Store) -> None:
    data = b"".join(pieces(BIG))
    assert store.write_stream("weights", [b"", data, b""]).sha256 == hashlib.sha256(data).hexdigest()
    assert store.read("weights") == data


@pytest.mark.parametrize("size", [3, BIG])
def test_first_stream_wins_and_the_second_is_told_what_is_there(store: Store, size: int) -> None:
    first = store.write_stream("weights", [b"first"])
    assert not first.found
    assert store.write_stream("weights", pieces(size)) == first.model_copy(update={"found": True})
    assert store.read("weights") == b"first"


def test_name_taken_while_a_stream_comes_in_keeps_its_content(store: Store) -> None:
    def overtaken() -> Iterator[bytes]:
        yield from pieces(BIG)
        assert store.create("weights", b"faster")

    assert store.write_stream("weights", overtaken()).sha256 == hashlib.sha256(b"faster").hexdigest()
    assert store.read("weights") == b"faster"


@pytest.mark.parametrize("size", [3, BIG])
def test_broken_stream_leaves_nothing_and_its_own_error(store: Store, size: int) -> None:
    def broken() -> Iterator[bytes]:
        yield from pieces(size)
        raise OSError("the download broke")  # as errors of requests are

    with pytest.raises(OSError, match="the download broke") as caught:
        store.write_stream("weights", broken())
    assert not isinstance(caught.value, StoreError)
    assert list(store.names("")) == []
    assert store.write_stream("weights", [b"again"]).size_bytes == 5


def test_nothing_is_seen_of_a_stream_before_its_end(store: Store) -> None:
    def watched() -> Iterator[bytes]:
        for piece in pieces(BIG):
            assert not store.exists("weights")
            assert list(store.names("")) == []
            yield piece

    store.write_stream("weights", watched())
    assert list(store.names("")) == ["weights"]


def test_open_reads_in_pieces_and_lines(store: Store) -> None:
    store.write_stream("weights", pieces(BIG))
    with store.open("weights") as stream:
        assert stream.read(3) == b"\x00\x00\x00"
        rest = b"".join(iter(lambda: stream.read(700_001), b""))
    assert len(rest) == BIG - 3
    store.create("captions", b"one\ntwo\n")
    with store.open("captions") as stream:
        assert stream.readlines() == [b"one\n", b"two\n"]


def test_marker_can_be_deleted_and_made_again(store: Store) -> None:
    marker = "inflight/acme/job-g1/run-1"
    store.delete_marker(marker)
    store.create(marker, b"")
    store.delete_marker(marker)
    assert not store.exists(marker)
    assert list(store.names("inflight/")) == []
    assert store.create(marker, b"")


@pytest.mark.parametrize("name", ["runs/one.json", "inflight", "inflight/../runs/one.json", "inflightx/run"])
def test_nothing_but_markers_can_be_deleted(store: Store, name: str) -> None:
    store.create("runs/one.json", b"x")
    with pytest.raises(StoreError):
        store.delete_marker(name)
    assert store.read("runs/one.json") == b"x"
