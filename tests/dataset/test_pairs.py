from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from tests.dataset.pictures import png_of
from tuneloop.dataset.captions import CaptionRule
from tuneloop.dataset.keep import store_pictures
from tuneloop.dataset.pack import DatasetArchive
from tuneloop.dataset.scan import scan
from tuneloop.errors import DatasetError
from tuneloop.storage.local_directory import LocalDirectory

RULE = CaptionRule(trigger_word=None, instance_prompt="a hat", provider_captions=False)


def pair(folder: Path, name: str, number: int, caption: str | None = None) -> None:
    (folder / f"{name}_start.png").write_bytes(png_of(number))
    (folder / f"{name}_end.png").write_bytes(png_of(number + 1000))
    if caption is not None:
        (folder / f"{name}.txt").write_text(caption)


def entries(folder: Path, store: LocalDirectory) -> dict[str, bytes]:
    scanned = scan(folder, RULE, pairs=True)
    store_pictures(scanned, store)
    data = b"".join(DatasetArchive(scanned.manifest, store).chunks())
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_pairs_are_packed_as_the_trainer_wants_them(folder: Path, store: LocalDirectory) -> None:
    pair(folder, "01", 1, "a red hat")
    pair(folder, "2", 2)
    packed = entries(folder, store)
    assert set(packed) == {
        "01_start.png", "01_end.png", "01.txt", "02_start.png", "02_end.png", "02.txt",
    }  # fmt: skip
    assert {packed["01.txt"], packed["02.txt"]} == {b"a red hat", b"a hat"}
    start = next(name for name in ("01", "02") if packed[f"{name}.txt"] == b"a red hat")
    assert packed[f"{start}_start.png"] == png_of(1)
    assert packed[f"{start}_end.png"] == png_of(1001)


def test_renaming_pairs_keeps_the_digest_and_swapping_their_halves_does_not(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in "abc")
    for folder in (first, second, third):
        folder.mkdir()
    pair(first, "01", 1)
    pair(first, "02", 2)
    pair(second, "before", 2)
    pair(second, "77", 1)
    pair(third, "01", 1)
    (third / "02_start.png").write_bytes(png_of(1002))
    (third / "02_end.png").write_bytes(png_of(2))
    digests = [scan(folder, RULE, pairs=True).manifest.digest for folder in (first, second, third)]
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("05_start.png", "05_start: has no 05_end"),
        ("05_end.png", "05_end: has no 05_start"),
        ("05.png", "05: is of no pair"),
    ],
)
def test_unpaired_pictures_are_named(folder: Path, extra: str, said: str) -> None:
    pair(folder, "01", 1)
    (folder / extra).write_bytes(png_of(9))
    with pytest.raises(DatasetError, match=said):
        scan(folder, RULE, pairs=True)


def test_caption_without_a_pair_is_named(folder: Path) -> None:
    pair(folder, "01", 1)
    (folder / "05.txt").write_text("a hat")
    with pytest.raises(DatasetError, match=r"05\.txt: is a caption without a pair"):
        scan(folder, RULE, pairs=True)
