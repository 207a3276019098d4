"""Images of a distant store are asked for before their turn: the same bytes, and no more memory."""

from __future__ import annotations

import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
import requests

from tests.s3_server import fresh_bucket, s3_client, s3_server
from tests.waiting import wait_until
from tuneloop.datasets import archive
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.datasets.store import image_name
from tuneloop.errors import CorruptRecord, ObjectNotFound
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.storage.base import Store
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import S3Store

from .images import png_of
from .test_archive import item_of, stored

MIB = 1 << 20


class Distant(LocalDirectory):
    """A folder that is treated like a distant store, and remembers who has opened what."""

    distant = True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.opened: list[str] = []
        self.meanwhile = threading.Event()
        """Nothing is opened until this is set."""
        self.meanwhile.set()

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        self.opened.append(name)
        self.meanwhile.wait()
        with super().open(name) as file:
            yield file


@pytest.fixture
def distant(tmp_path: Path) -> Distant:
    folder = tmp_path / "distant"
    folder.mkdir()
    return Distant(folder)


def images(number: int, size_bytes: int = 300) -> list[bytes]:
    return [png_of(index) + bytes(size_bytes) for index in range(number)]


def manifest_of(contents: list[bytes], store: Store) -> DatasetManifest:
    items = [item_of(data, f"cup {index}", crc32=zlib.crc32(data)) for index, data in enumerate(contents)]
    for data, item in zip(contents, items, strict=True):
        store.create(image_name(item.sha256), data)
    return stored(items, [], store)  # type: ignore[arg-type]


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("dataset")]


def test_archive_from_s3_is_the_one_from_a_folder(store: LocalDirectory) -> None:
    contents = [*images(30), *images(1, 17 * MIB), *images(3, 6 * MIB)]
    manifest = manifest_of(contents, store)
    with s3_server() as endpoint:
        client = s3_client(endpoint)
        on_s3 = S3Store(client, fresh_bucket(client))
        manifest_of(contents, on_s3)
        here, there = DatasetArchive(manifest, store), DatasetArchive(manifest, on_s3)
        assert b"".join(here.chunks()) == b"".join(there.chunks()) == b"".join(there.chunks())
    assert threads() == []


def test_a_provider_can_fetch_the_zip_from_s3_by_a_signed_address_where_it_is_kept_once(
    store: LocalDirectory,
) -> None:
    with s3_server() as endpoint:
        client = s3_client(endpoint)
        on_s3 = S3Store(client, fresh_bucket(client))
        archive_ = DatasetArchive(manifest_of(images(3), on_s3), on_s3)
        addresses = [archive_.url(), archive_.url()]
        assert [requests.get(str(url), timeout=10).content for url in addresses] == [
            b"".join(archive_.chunks())
        ] * 2
        (name,) = on_s3.names("archives/")
        client.put_object(Bucket=on_s3.uri.removeprefix("s3://"), Key=name, Body=b"another file")
        with pytest.raises(CorruptRecord, match="is another file"):
            archive_.url()
    assert DatasetArchive(manifest_of(images(3), store), store).url() is None


def test_few_images_are_asked_for_before_their_turn_and_all_in_order(distant: Distant) -> None:
    manifest = manifest_of(images(40, 300_000), distant)
    names = [image_name(item.sha256) for item in manifest.items]
    chunks = DatasetArchive(manifest, distant).chunks()
    begun = next(chunks)
    assert set(distant.opened) <= set(names[:10])
    assert 2 <= len(distant.opened) <= 10
    rest = b"".join(chunks)
    assert len(begun) + len(rest) == DatasetArchive(manifest, distant).size_bytes
    assert sorted(distant.opened) == sorted(names)


def test_next_images_are_under_way_while_one_is_waited_for(distant: Distant) -> None:
    manifest = manifest_of(images(20), distant)
    distant.meanwhile.clear()
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.extend(DatasetArchive(manifest, distant).chunks()))
    reader.start()
    wait_until("eight images are under way", lambda: len(distant.opened) >= 8)
    assert len(distant.opened) == 8
    distant.meanwhile.set()
    reader.join()
    assert len(b"".join(got)) == DatasetArchive(manifest, distant).size_bytes


def test_large_image_comes_as_a_stream_and_those_behind_it_meanwhile(
    distant: Distant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_MAX_BYTES_AHEAD", MIB)
    contents = [*images(1, 24 * MIB), *images(20, MIB // 2)]
    manifest = manifest_of(contents, distant)
    expected = DatasetArchive(manifest, distant).size_bytes
    del contents
    tracemalloc.start()
    try:
        assert sum(map(len, DatasetArchive(manifest, distant).chunks())) == expected
        assert tracemalloc.get_traced_memory()[1] < 6 * MIB
    finally:
        tracemalloc.stop()
    assert len(distant.opened) == 21


def test_missing_image_is_named_at_its_turn(distant: Distant) -> None:
    contents = images(12, 20_000)
    manifest = manifest_of(contents, distant)
    gone = manifest.items[3]
    (distant._folder / image_name(gone.sha256)).unlink()
    received: list[bytes] = []
    with pytest.raises(ObjectNotFound, match=rf"{gone.sha256}: the image a.png is missing in the store"):
        received.extend(DatasetArchive(manifest, distant).chunks())
    assert sum(map(len, received)) > 3 * 20_000
    assert threads() == []


@pytest.mark.parametrize("more", [b"x", bytes(3 * MIB)])
def test_image_that_is_too_long_is_not_held_and_never_packed(distant: Distant, more: bytes) -> None:
    manifest = manifest_of(images(3), distant)
    changed = distant._folder / image_name(manifest.items[1].sha256)
    changed.chmod(0o644)
    changed.write_bytes(changed.read_bytes() + more)
    with pytest.raises(CorruptRecord, match=r"does not have the hash in its name"):
        list(DatasetArchive(manifest, distant).chunks())
    assert threads() == []


def test_archive_that_nobody_reads_to_its_end_leaves_no_thread(distant: Distant) -> None:
    manifest = manifest_of(images(40, 300_000), distant)
    chunks = DatasetArchive(manifest, distant).chunks()
    next(chunks)
    assert threads()
    chunks.close()  # type: ignore[attr-defined]
    assert threads() == []
    assert len(distant.opened) < 20
