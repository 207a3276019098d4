"""Tables that hold images, as the Hub's viewer and `push_to_hub` make them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.datasets.images import distinct
from tests.datasets.scanning import scan
from tests.datasets.sources.zips import contents_of, open_and_close, zipped
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.sources import limits
from tuneloop.datasets.sources.opening import open_source
from tuneloop.errors import DatasetError

RULE = CaptionRule(trigger_word=None, instance_prompt=None, provider_captions=False)
Row = tuple[str | None, bytes | None, str | None]


def table(
    path: Path,
    rows: list[Row],
    column: str = "image",
    text: str = "text",
    row_group_size: int = 3,
    **more: list[Any],
) -> None:
    images = [{"bytes": data, "path": name} for name, data, _ in rows]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {column: pa.array(images, kind), text: [caption for *_, caption in rows], **more}
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), path, row_group_size=row_group_size)


ROWS: list[Row] = [(f"{number}.png", distinct(number), f"cat {number}") for number in range(20)]


def test_rows_make_the_dataset_that_files_with_captions_make(tmp_path: Path) -> None:
    table(tmp_path / "hub" / "data" / "train-00000-of-00002.parquet", ROWS[:12], label=[7] * 12)
    table(tmp_path / "hub" / "data" / "train-00001-of-00002.parquet", ROWS[12:], label=[7] * 8)
    (tmp_path / "hub" / "README.md").write_text("cats")
    files = tmp_path / "files"
    files.mkdir()
    for name, data, caption in ROWS:
        (files / str(name)).write_bytes(data or b"")
        (files / str(name)).with_suffix(".txt").write_text(caption or "")
    with open_source(str(tmp_path / "hub")) as source:
        assert source.label == str(tmp_path / "hub")
        found = scan(source.folder, RULE).manifest
    assert found.digest == scan(files, RULE).manifest.digest
    assert {item.file_name for item in found.items} >= {"data/train-00000-of-00002/0.png"}
    assert not source.folder.exists()
    assert len(contents_of(tmp_path / "hub")) == 3


def test_table_in_a_zip_is_read(tmp_path: Path) -> None:
    table(tmp_path / "a.parquet", ROWS[:2])
    (tmp_path / "a.zip").write_bytes(zipped({"a.parquet": (tmp_path / "a.parquet").read_bytes()}))
    with open_source(str(tmp_path / "a.zip")) as source:
        assert len(scan(source.folder, RULE).manifest.items) == 2


def test_names_that_are_none_or_hostile_become_numbers(tmp_path: Path) -> None:
    names = [None, "", "../../evil.png", "/etc/a.png", "a.exe", "b.png", "b.jpg", ".c.png", "d\n.png", "x" * 300]
    table(tmp_path / "a.parquet", [(name, distinct(number), "c") for number, name in enumerate(names)])
    with open_source(str(tmp_path)) as source:
        assert {name.removeprefix("a/") for name in contents_of(source.folder)} == {
            "metadata.jsonl", "evil.png", "a.png", "b.png",
            *(f"row-{number:06}.png" for number in (1, 2, 5, 7, 8, 9, 10)),
        }  # fmt: skip
        assert len(scan(source.folder, RULE).manifest.items) == len(names)


def test_other_names_of_the_captions_column_are_read_and_told_as_in_any_table(tmp_path: Path) -> None:
    table(tmp_path / "a.parquet", ROWS[:2], column="photo", text="caption")
    with open_source(str(tmp_path)) as source:
        assert [item.caption for item in scan(source.folder, RULE).manifest.items] != [None, None]


def test_bytes_alone_are_images_where_the_column_is_called_image(tmp_path: Path) -> None:
    columns = {"image": pa.array([distinct(1)], pa.binary()), "text": ["a cat"]}
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    with open_source(str(tmp_path)) as source:
        (item,) = scan(source.folder, RULE).manifest.items
    assert (item.file_name, item.caption) == ("a/row-000001.png", "a cat")


def test_tables_beside_images_and_tables_without_images_are_left_alone(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"text": ["a"]}), tmp_path / "a.parquet")
    with open_source(str(tmp_path)) as source:
        assert source.folder == tmp_path
    table(tmp_path / "b.parquet", ROWS[:1])
    (tmp_path / "a.png").write_bytes(distinct(1))
    with open_source(str(tmp_path)) as source:
        assert source.folder == tmp_path


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (
            [("a.png", distinct(1), "a"), ("b.png", None, "b")],
            r"row 2 of a\.parquet holds no image, or only its path",
        ),
        ([("a.png", b"", "a")], r"row 1 of a\.parquet holds no image"),
    ],
)
def test_row_without_a_image_is_named(tmp_path: Path, rows: list[Row], reason: str) -> None:
    table(tmp_path / "a.parquet", rows)
    with pytest.raises(DatasetError, match=reason):
        open_and_close(str(tmp_path))


def test_several_columns_of_images_are_named(tmp_path: Path) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    column = pa.array([{"bytes": distinct(1), "path": None}], kind)
    parquet.write_table(pa.table({"before": column, "after": column}), tmp_path / "a.parquet")
    with pytest.raises(DatasetError, match=r"has several columns of images \(before, after\); call the right one"):
        open_and_close(str(tmp_path))


@pytest.mark.parametrize("kept", [0, 4, 100, 5000])
def test_broken_table_is_named(tmp_path: Path, kept: int) -> None:
    table(tmp_path / "a.parquet", ROWS)
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(data[:kept])
    with pytest.raises(DatasetError, match=r"a\.parquet is not a readable parquet file .*; write it again"):
        open_and_close(str(tmp_path))


def test_table_whose_pages_are_broken_is_named(tmp_path: Path) -> None:
    table(tmp_path / "a.parquet", ROWS)
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(data[:4] + bytes(3000) + data[3004:])
    with pytest.raises(DatasetError, match=r"a\.parquet is broken after row 0 .*; write it again"):
        open_and_close(str(tmp_path))


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("MAX_FILES", 19, "has 20 rows of images; the limit is 19"),
        ("MAX_DATASET_BYTES", 100, "the limit is 100"),
        ("MAX_FILE_BYTES", 10, "holds too many bytes"),
    ],
)
def test_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, reason: str
) -> None:
    table(tmp_path / "a.parquet", ROWS)
    monkeypatch.setattr(limits, limit, value)
    with pytest.raises(DatasetError, match=reason):
        open_and_close(str(tmp_path))


def test_one_image_in_many_rows_counts_as_often_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(tmp_path / "a.parquet", [(None, distinct(1) + bytes(50_000), "a cat")] * 30, row_group_size=30)
    assert (tmp_path / "a.parquet").stat().st_size < 100_000
    monkeypatch.setattr(limits, "MAX_DATASET_BYTES", 500_000)
    with pytest.raises(DatasetError, match="holds too many bytes; make it smaller"):
        open_and_close(str(tmp_path))


def test_missing_pyarrow_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table(tmp_path / "a.parquet", ROWS[:1])
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(DatasetError, match=r"a\.parquet is read with pyarrow, which is not installed; install it"):
        open_and_close(str(tmp_path))
