from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.datasets.images import png_of
from tests.datasets.scanning import scan
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.store import store_images
from tuneloop.errors import DatasetError
from tuneloop.storage.local import LocalDirectory

RULE = CaptionRule(trigger_word=None, instance_prompt="a hat", provider_captions=False)


def pair(folder: Path, name: str, number: int, caption: str | None = None) -> None:
    (folder / f"{name}_start.png").write_bytes(png_of(number))
    (folder / f"{name}_end.png").write_bytes(png_of(number + 1000))
    if caption is not None:
        (folder / f"{name}.txt").write_text(caption)


def entries(folder: Path, store: LocalDirectory) -> dict[str, bytes]:
    scanned = scan(folder, RULE, pairs=True)
    store_images(scanned.manifest, scanned.files, store)
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


def test_halves_whose_accents_are_written_otherwise_are_one_pair(folder: Path) -> None:
    (folder / "u\u0308_start.png").write_bytes(png_of(1))
    (folder / "\u00fc_end.png").write_bytes(png_of(2))
    items = scan(folder, RULE, pairs=True).manifest.items
    assert [(item.role, item.pair) for item in items] == [("end", 1), ("start", 1)]


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
        ("05_start.png", r"05_start\.png: has no 05_end; add it"),
        ("05_end.png", r"05_end\.png: has no 05_start"),
        ("05.png", r"05\.png: is of no pair"),
    ],
)
def test_unpaired_images_are_named(folder: Path, extra: str, said: str) -> None:
    pair(folder, "01", 1)
    (folder / extra).write_bytes(png_of(9))
    with pytest.raises(DatasetError, match=said):
        scan(folder, RULE, pairs=True)


def test_caption_without_a_pair_is_named(folder: Path) -> None:
    pair(folder, "01", 1)
    (folder / "05.txt").write_text("a hat")
    with pytest.raises(DatasetError, match=r"05\.txt: is a caption without a pair"):
        scan(folder, RULE, pairs=True)


def test_pair_is_looked_for_in_one_subfolder(folder: Path) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        pair(folder / name, "01", ord(name[0]), f"a hat from {name}")
    manifest = scan(folder, RULE, pairs=True).manifest
    assert {(item.pair, item.role) for item in manifest.items} == {
        (1, "start"), (1, "end"), (2, "start"), (2, "end"),
    }  # fmt: skip
    told = {item.file_name: item.caption for item in manifest.items}
    assert (told["one/01_start.png"], told["two/01_start.png"]) == ("a hat from one", "a hat from two")
    (folder / "two" / "01_end.png").rename(folder / "one" / "02_end.png")
    with pytest.raises(
        DatasetError, match=r"one/02_end\.png: has no 02_start(.|\n)*two/01_start\.png: has no 01_end"
    ):
        scan(folder, RULE, pairs=True)


def test_table_may_caption_either_half_of_a_pair(folder: Path) -> None:
    pair(folder, "01", 1)
    pair(folder, "02", 2)
    rows = ({"file_name": "01_start.png", "text": "a hat"}, {"file_name": "02_end.png", "text": "a red hat"})
    (folder / "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    told = {item.file_name: item.caption for item in scan(folder, RULE, pairs=True).manifest.items}
    assert told == {"01_start.png": "a hat", "01_end.png": None, "02_start.png": "a red hat", "02_end.png": None}
