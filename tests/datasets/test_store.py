from __future__ import annotations

import hashlib
import json
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.datasets.scanning import Scanned, scan
from tests.s3_server import fresh_bucket, s3_client, s3_server
from tests.storage.failing_proxy import failing_proxy
from tests.waiting import LIMIT_S
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.store import load_manifest, store_images
from tuneloop.errors import CorruptRecord, DatasetError, ObjectNotFound, StoreError
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import S3Store

from .images import JPEG, PNG, png_of


@pytest.fixture
def scanned(folder: Path, rule: CaptionRule) -> Scanned:
    """Three images, two of them equal, two captions."""
    (folder / "a.jpg").write_bytes(JPEG)
    (folder / "a.txt").write_text("a cup")
    (folder / "b.png").write_bytes(PNG)
    (folder / "c.png").write_bytes(PNG)
    (folder / "c.txt").write_text("zwei Täßchen", encoding="utf-8")
    return scan(folder, rule)


def test_everything_is_kept_under_its_digest(scanned: Scanned, store: LocalDirectory) -> None:
    store_images(scanned.manifest, scanned.files, store)
    kept = {name: store.read(name) for name in store.names("")}
    manifest = kept.pop(f"datasets/{scanned.manifest.digest}.json")
    assert kept == {f"images/{hashlib.sha256(data).hexdigest()}": data for data in (JPEG, PNG)}
    items = json.loads(manifest)["items"]
    assert {item["caption"] for item in items} >= {"TEABOT, a cup", "TEABOT, zwei Täßchen"}


def test_manifest_comes_back_as_it_was(scanned: Scanned, store: LocalDirectory) -> None:
    store_images(scanned.manifest, scanned.files, store)
    assert load_manifest(scanned.manifest.digest, store) == scanned.manifest


def test_progress_counts_equal_images_once(scanned: Scanned, store: LocalDirectory) -> None:
    told: list[tuple[int, int]] = []
    store_images(scanned.manifest, scanned.files, store, lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_images_in_the_store_are_not_read_again(scanned: Scanned, store: LocalDirectory, folder: Path) -> None:
    store_images(scanned.manifest, scanned.files, store)
    for path in folder.iterdir():
        path.unlink()
    store_images(scanned.manifest, scanned.files, store)


def test_dataset_found_again_elsewhere_keeps_the_first_manifest(
    scanned: Scanned, store: LocalDirectory, folder: Path, rule: CaptionRule
) -> None:
    store_images(scanned.manifest, scanned.files, store)
    moved = folder.rename(folder.parent / "elsewhere")
    again = scan(moved, rule)
    store_images(again.manifest, again.files, store)
    assert load_manifest(scanned.manifest.digest, store).source == str(folder)


def test_image_changed_since_the_scan_is_refused(scanned: Scanned, store: LocalDirectory, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(PNG)
    with pytest.raises(DatasetError, match=r"a\.jpg: has changed since the scan; scan the folder again"):
        store_images(scanned.manifest, scanned.files, store)
    assert not store.exists(f"datasets/{scanned.manifest.digest}.json")


def test_image_gone_since_the_scan_is_refused(scanned: Scanned, store: LocalDirectory, folder: Path) -> None:
    (folder / "a.jpg").unlink()
    with pytest.raises(DatasetError, match=r"a\.jpg: cannot be read any more .*; put it back"):
        store_images(scanned.manifest, scanned.files, store)


def test_other_bytes_under_a_name_are_not_overwritten(scanned: Scanned, store: LocalDirectory) -> None:
    name = f"images/{hashlib.sha256(JPEG).hexdigest()}"

    class Blind(LocalDirectory):
        """Whoever looks is told that nothing is there."""

        def seems_absent(self, _: str) -> bool:
            return True

    store = Blind(Path(store.uri.removeprefix("file://")))
    store.create(name, b"TEABOT, a mug")
    with pytest.raises(CorruptRecord, match=rf"{name} does not have the hash in its name; move it away"):
        store_images(scanned.manifest, scanned.files, store)
    assert store.read(name) == b"TEABOT, a mug"


def test_image_that_was_lost_in_the_store_is_put_back(scanned: Scanned, store: LocalDirectory) -> None:
    store_images(scanned.manifest, scanned.files, store)
    lost = Path(store.uri.removeprefix("file://")) / "images" / hashlib.sha256(JPEG).hexdigest()
    lost.unlink()
    store_images(scanned.manifest, scanned.files, store)
    assert lost.read_bytes() == JPEG


def test_a_run_asks_for_its_own_images_and_lists_nothing(scanned: Scanned) -> None:
    with s3_server() as endpoint, failing_proxy(endpoint) as proxy:
        bucket = fresh_bucket(s3_client(endpoint))
        store = S3Store(s3_client(proxy.endpoint), bucket)
        store_images(scanned.manifest, scanned.files, store)
        first = requests_of(proxy.seen)
        proxy.seen.clear()
        store_images(scanned.manifest, scanned.files, store)
        second = requests_of(proxy.seen)
    # Two images and the manifest are written.
    assert first == {"HEAD object": 1, "PUT object": 3}
    assert second == {"HEAD object": 3, "PUT object": 1, "GET object": 1}


def requests_of(seen: list[str]) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for request in seen:
        method, address = request.split(" ", 1)
        parts = urlsplit(address)
        kind = "list" if "list-type" in parse_qs(parts.query) else "object" if "/" in parts.path[1:] else "bucket"
        kinds[f"{method} {kind}"] = kinds.get(f"{method} {kind}", 0) + 1
    return kinds


def test_unknown_manifest_is_not_in_the_store(store: LocalDirectory) -> None:
    with pytest.raises(ObjectNotFound):
        load_manifest("0" * 64, store)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"items": [', b"\xff\xfe"])
def test_broken_manifest_is_unreadable_and_not_absent(store: LocalDirectory, content: bytes) -> None:
    store.create(f"datasets/{'0' * 64}.json", content)
    with pytest.raises(CorruptRecord, match=r"datasets/0+\.json is no dataset manifest \(.+\); restore it"):
        load_manifest("0" * 64, store)


def test_manifest_of_another_dataset_is_unreadable(scanned: Scanned, store: LocalDirectory) -> None:
    store.create(f"datasets/{'0' * 64}.json", scanned.manifest.model_dump_json().encode())
    with pytest.raises(CorruptRecord, match=f"another dataset .{scanned.manifest.digest}"):
        load_manifest("0" * 64, store)


class SlowStore(LocalDirectory):
    """A store with round trips that wait until several of them are under way."""

    def __init__(self, folder: Path, parties: int) -> None:
        super().__init__(folder)
        self._together = threading.Barrier(parties)
        self.order: list[str] = []

    def create(self, name: str, data: bytes) -> bool:
        if name.startswith("images/"):
            self._together.wait(timeout=LIMIT_S)
        won = super().create(name, data)
        self.order.append(name)
        return won


def test_several_images_are_on_their_way_at_once_and_the_manifest_comes_last(
    folder: Path, rule: CaptionRule, store: LocalDirectory
) -> None:
    for number in range(8):
        (folder / f"{number}.png").write_bytes(png_of(number))
        (folder / f"{number}.txt").write_text(f"cup {number}")
    scanned = scan(folder, rule)
    slow = SlowStore(Path(store.uri.removeprefix("file://")), 4)
    store_images(scanned.manifest, scanned.files, slow)
    assert len(slow.order) == 9
    assert slow.order[-1] == f"datasets/{scanned.manifest.digest}.json"
    assert all(name.startswith("images/") for name in slow.order[:8])


class FullStore(LocalDirectory):
    """A store that does not take one image, and is slow with every other one."""

    refused = ""
    asked = 0

    def create(self, name: str, data: bytes) -> bool:
        self.asked += 1
        if name == self.refused:
            raise StoreError(f"{name} of {len(data)} bytes does not fit")
        time.sleep(0.2)
        return super().create(name, data)


def test_nothing_more_is_stored_after_an_error(folder: Path, rule: CaptionRule, store: LocalDirectory) -> None:
    for number in range(200):
        (folder / f"{number}.png").write_bytes(png_of(number))
    scanned = scan(folder, rule)
    full = FullStore(Path(store.uri.removeprefix("file://")))
    full.refused = f"images/{next(iter(scanned.files))}"
    with pytest.raises(StoreError, match="does not fit"):
        store_images(scanned.manifest, scanned.files, full)
    assert full.asked < 100
