"""Any dataset gives an archive that three readers of three makers open: flat, complete, and the same each time."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.debian_packages import command
from tests.datasets.test_archive import SUFFIXES, item_of
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.datasets.store import image_name
from tuneloop.schemas.dataset import DatasetItem, DatasetManifest, in_digest_order
from tuneloop.storage.local import LocalDirectory

PACK_AGAIN = """
import sys
from pathlib import Path
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.storage.local import LocalDirectory
from tuneloop.schemas.dataset import DatasetManifest
manifest = DatasetManifest.model_validate_json(Path(sys.argv[1]).read_bytes())
Path(sys.argv[3]).write_bytes(b"".join(DatasetArchive(manifest, LocalDirectory(Path(sys.argv[2]))).chunks()))
"""

ODD_NAMES = st.text(min_size=1, max_size=40) | st.sampled_from(
    [
        "../up.png",
        "/etc/a.png",
        "a\\b.jpg",
        "__MACOSX/._a",
        "a\nb.png",
        "-rf.png",
        "nul\0.png",
        "ü😀.webp",
        "\ud800",
    ]
)
LONG_CAPTION = st.integers(100, 70_000).map(lambda size: "ein Täßchen, " * (size // 13))
CAPTIONS = st.none() | st.just("") | st.text(st.characters(codec="utf-8")) | LONG_CAPTION
# Sizes around those at which pieces are joined and read, and many that no one thought of.
SIZES = st.integers(1, 3000) | st.sampled_from([1, 16_383, 16_384, 16_385, 262_143, 262_144, 262_145, 600_000])


@dataclass(frozen=True)
class Dataset:
    """Items in the order they were found, and the images' bytes in the same order."""

    items: tuple[DatasetItem, ...]
    contents: tuple[bytes, ...]


def content(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311


@st.composite
def singles(draw: st.DrawFn) -> Dataset:
    contents = [content(draw(SIZES), draw(st.integers(0, 5))) for _ in range(draw(st.integers(1, 8)))]
    items = [
        item_of(
            data,
            draw(CAPTIONS),
            format=list(SUFFIXES)[data[0] % 3],  # by content: equal bytes are one format
            file_name=draw(ODD_NAMES),
            crc32=draw(st.sampled_from([None, zlib.crc32(data)])),
        )
        for data in contents
    ]
    return Dataset(tuple(items), tuple(contents))


@st.composite
def pairs(draw: st.DrawFn) -> Dataset:
    items: list[DatasetItem] = []
    contents: list[bytes] = []
    for pair in range(1, draw(st.integers(2, 5))):
        for role in ("start", "end"):
            data = content(draw(SIZES), pair)
            caption = draw(CAPTIONS) if role == "start" else None
            items.append(item_of(data, caption, role=role, pair=pair, file_name=draw(ODD_NAMES)))
            contents.append(data)
    return Dataset(tuple(items), tuple(contents))


def expected_entries(manifest: DatasetManifest, contents: dict[str, bytes]) -> dict[str, bytes]:
    """What should be in the archive, said anew and not by the packer's own functions."""
    expected = {}
    for number, item in enumerate(manifest.items, start=1):
        pair = f"{item.pair:02d}" if item.pair else ""
        image = f"{pair}_{item.role}" if pair else f"{number:04d}"
        expected[f"{image}.{SUFFIXES[item.format]}"] = contents[item.sha256]
        if item.caption is not None:
            expected[f"{pair or f'{number:04d}'}.txt"] = item.caption.encode()
    return expected


def with_zipfile(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        assert len(set(opened.namelist())) == len(opened.namelist())
        return {name: opened.read(name) for name in opened.namelist()}


def with_unzip(unzip: list[str], archive: Path) -> dict[str, bytes]:
    assert "No errors detected" in said([*unzip, "-t", str(archive)])
    with tempfile.TemporaryDirectory() as folder:
        said([*unzip, "-q", str(archive), "-d", folder])
        return unpacked_into(Path(folder))


def with_bsdtar(bsdtar: list[str], archive: Path) -> dict[str, bytes]:
    listed = said([*bsdtar, "-tf", str(archive)]).splitlines()
    with tempfile.TemporaryDirectory() as folder:
        said([*bsdtar, "-xf", str(archive), "-C", folder])
        found = unpacked_into(Path(folder))
    assert sorted(listed) == sorted(found)
    return found


def unpacked_into(folder: Path) -> dict[str, bytes]:
    """Every file directly in a folder; a folder within it is an error here."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def said(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(scope="module", params=["zipfile", "unzip", "bsdtar"])
def read(request: pytest.FixtureRequest) -> Callable[[Path], dict[str, bytes]]:
    """What takes an archive apart: programs of three makers."""
    if request.param == "unzip":
        return partial(with_unzip, command("unzip", "unzip"))
    if request.param == "bsdtar":
        return partial(with_bsdtar, command("bsdtar", "libarchive-tools"))
    return with_zipfile


@given(dataset=singles() | pairs(), order=st.randoms(use_true_random=False))
@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=40)
def test_archive_opens_flat_and_complete_and_is_repeatable(
    read: Callable[[Path], dict[str, bytes]], dataset: Dataset, order: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = LocalDirectory(Path(folder))
        contents = {hashlib.sha256(data).hexdigest(): data for data in dataset.contents}
        for sha256, data in contents.items():
            store.create(image_name(sha256), data)
        manifest = DatasetManifest(items=in_digest_order(list(dataset.items)), source="a test")
        archive = DatasetArchive(manifest, store)
        packed = b"".join(archive.chunks())
        assert len(packed) == archive.size_bytes
        shuffled = list(dataset.items)
        order.shuffle(shuffled)
        again = DatasetArchive(DatasetManifest(items=in_digest_order(shuffled), source="elsewhere"), store)
        assert b"".join(again.chunks()) == packed
        (Path(folder) / "a.zip").write_bytes(packed)
        found = read(Path(folder) / "a.zip")
        assert found == expected_entries(manifest, contents)
        assert all(set(name) <= set("0123456789_.startendjpgwbx") for name in found)


def test_another_process_with_another_zone_and_mask_packs_the_same_bytes(
    tmp_path: Path, store: LocalDirectory
) -> None:
    contents = [content(size, size) for size in (1, 5000, 1_100_000)]
    items = [item_of(data, f"cup {len(data)} ü", file_name=f"{len(data)}.png") for data in contents]
    for data in contents:
        store.create(image_name(hashlib.sha256(data).hexdigest()), data)
    manifest = DatasetManifest(items=in_digest_order(items), source="a test")
    (tmp_path / "manifest.json").write_text(manifest.model_dump_json())
    arguments = [str(tmp_path / name) for name in ("manifest.json", "store", "again.zip")]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PACK_AGAIN, *arguments],
        env=environment,
        umask=0o077,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "again.zip").read_bytes() == b"".join(DatasetArchive(manifest, store).chunks())
