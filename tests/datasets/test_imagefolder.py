"""Caption tables as Hugging Face's imagefolder documents them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from tests.datasets.scanning import scan
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.files import FileEntry
from tuneloop.datasets.imagefolder import Row, read_table
from tuneloop.datasets.scan import preflight
from tuneloop.schemas.dataset import DatasetRequirements

from .images import distinct

RULE = CaptionRule(trigger_word=None, instance_prompt=None, provider_captions=False)


def captions_of(folder: Path) -> dict[str, str | None]:
    return {item.file_name: item.caption for item in scan(folder, RULE).manifest.items}


def errors_of(folder: Path) -> list[str]:
    found = preflight(folder, RULE, DatasetRequirements()).findings
    return [finding.sentence for finding in found if finding.severity == "error"]


def put_images(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(distinct(number))


def rows(*values: dict[str, object]) -> str:
    return "\n".join(json.dumps(value) for value in values)


def test_each_table_speaks_for_its_own_folder_and_the_folders_in_it(folder: Path) -> None:
    put_images(folder, "train/dog/1.png", "train/2.png", "test/1.png")
    (folder / "train" / "metadata.jsonl").write_text(
        rows({"file_name": "dog/1.png", "text": "a dog"}, {"file_name": "./2.png", "text": "a cat"})
    )
    (folder / "test" / "metadata.jsonl").write_text(rows({"file_name": "1.png", "text": "a bird"}))
    assert captions_of(folder) == {"train/dog/1.png": "a dog", "train/2.png": "a cat", "test/1.png": "a bird"}


def test_csv_is_read_with_quotes_line_ends_and_byte_order_mark(folder: Path) -> None:
    put_images(folder, "1.png", "2.png", "3.png")
    (folder / "metadata.csv").write_bytes(
        b'\xef\xbb\xbffile_name,text\r\n1.png,"a ""red"", big\r\ncup"\r\n2.png,\r\n3.png,a jug\r\n'
    )
    assert captions_of(folder) == {"1.png": 'a "red", big cup', "2.png": None, "3.png": "a jug"}


def test_caption_file_and_table_may_say_the_same(folder: Path) -> None:
    put_images(folder, "1.png", "2.png")
    (folder / "1.txt").write_text("a  cup\n")
    (folder / "1.caption").write_text("")
    (folder / "metadata.jsonl").write_text(
        rows({"file_name": "1.png", "text": "a cup"}, {"file_name": "2.png", "text": "a jug"})
    )
    assert captions_of(folder) == {"1.png": "a cup", "2.png": "a jug"}


def test_line_end_of_unicode_within_a_text_is_no_end_of_the_line(folder: Path) -> None:
    put_images(folder, "1.png")
    (folder / "metadata.jsonl").write_text(
        '{"file_name": "1.png", "text": "a\u2028cup\u0085"}\n', encoding="utf-8"
    )
    assert captions_of(folder) == {"1.png": "a cup"}


def test_text_wins_over_other_columns_and_that_is_told(folder: Path) -> None:
    put_images(folder, "1.png")
    (folder / "metadata.jsonl").write_text(rows({"file_name": "1.png", "prompt": "draw it", "text": "a cup"}))
    found = preflight(folder, RULE, DatasetRequirements()).findings
    (finding,) = found
    assert finding.sentence == (
        "metadata.jsonl: has its captions read from the column text, and not from prompt; "
        "optional: rename the right column to text"
    )
    assert captions_of(folder) == {"1.png": "a cup"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2 is not JSON (Expecting property name"),
        ("[1]", "line 2 is not a JSON object"),
        ("[" * 100_000, "line 2 is not JSON ("),
        ('{"text": "a cup"}', "line 2 names no image in file_name"),
        ('{"file_name": 3}', "line 2 names no image in file_name"),
        ('{"file_name": "../1.png"}', "line 2 names a file out of the folder (../1.png)"),
        ('{"file_name": "/1.png"}', "line 2 names a file out of the folder (/1.png)"),
        ('{"file_name": "1.png", "text": ["a"]}', "line 2 has a caption in text that is not text"),
        ('{"file_name": "1.png", "text": "\\ud800"}', "line 2 holds characters that are no text"),
        ('{"file_name": "1.png", "text": "a\\u0000"}', "line 2 holds characters that are no text"),
        ('{"file_name": "2.png", "text": "a jug"}', "line 2 names 2.png, and there is no such image"),
        (
            '{"file_name": "1.png", "text": "a jug"}',
            "line 2 has another caption for 1 than metadata.jsonl, line 1",
        ),
    ],
)
def test_broken_line_is_named_by_its_number(folder: Path, line: str, said: str) -> None:
    put_images(folder, "1.png")
    (folder / "metadata.jsonl").write_text(rows({"file_name": "1.png", "text": "a cup"}) + "\n" + line)
    (told,) = errors_of(folder)
    assert told.startswith(f"metadata.jsonl: {said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file_name,text\n1.png,a cup,more\n", "line 2 has more fields than the first line"),
        ('file_name,text\n1.png,"a cup\n', "is not CSV (unexpected end of data)"),
        (
            "name,text\n1.png,a cup\n",
            "has no column file_name, so that its lines name no image (its columns: name, text",
        ),
    ],
)
def test_broken_csv_is_told(folder: Path, text: str, said: str) -> None:
    put_images(folder, "1.png")
    (folder / "1.txt").write_text("a cup")
    (folder / "metadata.csv").write_text(text)
    (told,) = errors_of(folder)
    assert said in told


def test_table_without_names_is_told_in_one_error_however_long_it_is(folder: Path) -> None:
    put_images(folder, "1.png")
    (folder / "metadata.jsonl").write_text(
        rows({"image": "1.png", "text": "a cup"}) + "\n" + '{"text": "a"}\n' * 5000
    )
    (told,) = errors_of(folder)
    assert told == (
        "metadata.jsonl: has no column file_name, so that its lines name no image (its columns: image, text); "
        "rename the images' column to file_name, or remove the table"
    )


def test_table_of_more_lines_than_there_may_be_files_is_not_read(folder: Path) -> None:
    put_images(folder, "1.png")
    (folder / "metadata.jsonl").write_text('{"file_name": "1.png"}\n' * 100_001)
    (told,) = errors_of(folder)
    assert told == "metadata.jsonl: has more than 100,000 lines; leave out those of other images"


def test_caption_in_a_table_may_be_as_long_as_one_in_a_file(folder: Path) -> None:
    put_images(folder, "1.png", "2.png")
    (folder / "metadata.jsonl").write_text(
        rows(
            {"file_name": "1.png", "text": "a" * (1 << 20)}, {"file_name": "2.png", "text": "a" * ((1 << 20) + 1)}
        )
    )
    (told,) = errors_of(folder)
    assert (
        told
        == "metadata.jsonl: line 2 has in text more than 1 MiB, too much for a caption; fix the line, or remove it"
    )


def test_table_of_garbage_is_given_up_after_twenty_lines(folder: Path) -> None:
    put_images(folder, "1.png")
    (folder / "1.txt").write_text("a cup")
    (folder / "metadata.jsonl").write_text("no\n" * 5000)
    assert len(errors_of(folder)) == 20


def test_image_that_is_refused_is_not_called_missing_as_well(folder: Path) -> None:
    put_images(folder, "1.png", "2.heic")
    (folder / "metadata.jsonl").write_text(
        rows({"file_name": "1.png", "text": "a cup"}, {"file_name": "2.heic", "text": "a jug"})
    )
    (told,) = errors_of(folder)
    assert told.startswith("2.heic: is a .heic file")


def test_line_for_a_file_that_is_no_image_is_told(folder: Path) -> None:
    put_images(folder, "1.png", "clip.mp4")
    (folder / "metadata.jsonl").write_text(
        rows({"file_name": "1.png", "text": "a cup"}, {"file_name": "clip.mp4", "text": "a jug"})
    )
    (told,) = errors_of(folder)
    assert told.startswith("metadata.jsonl: line 2 names clip.mp4, and there is no such image")


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_rows_or_findings(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("table")
    for name in ("metadata.jsonl", "metadata.csv"):
        (folder / name).write_bytes(content)
        rows, findings = read_table(FileEntry(folder / name, name))
        assert all(isinstance(row, Row) for row in rows)
        assert all(finding.file == name for finding in findings)
        for row in rows:
            row.caption.encode()
            row.image.encode()


def test_parquet_table_says_what_the_same_lines_say(folder: Path) -> None:
    put_images(folder, "1.png", "2.png")
    columns = {"file_name": ["1.png", "2.png"], "text": ["a cup", None], "width": [1, 2]}
    parquet.write_table(pa.table(columns), folder / "metadata.parquet")
    assert captions_of(folder) == {"1.png": "a cup", "2.png": None}


def test_parquet_table_is_named_where_pyarrow_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_images(folder, "1.png")
    (folder / "metadata.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (told,) = errors_of(folder)
    assert told == (
        "metadata.parquet: is read with pyarrow, which is not installed; install it with "
        "`pip install 'tuneloop[hub]'`"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "file_name;text\n1.png;a cup\n",
            "has semicolons between its columns, as spreadsheets",
        ),
        ('\ufeff"file_name"\t"text"\r\n1.png\ta cup\r\n', "has tabs between its columns"),
        ("text;file_name\na, b;1.png\n", "has semicolons between its columns"),
        (
            "sep=;\r\nfile_name;text\r\n1.png;a cup\r\n",
            "starts with a line sep=;, which",
        ),
        ("SEP=,\nfile_name,text\n1.png,a cup\n", "starts with a line SEP=,, which"),
    ],
)
def test_csv_of_a_spreadsheet_is_told_as_that(folder: Path, text: str, reason: str) -> None:
    put_images(folder, "1.png")
    (folder / "metadata.csv").write_bytes(text.encode())
    (said,) = errors_of(folder)
    assert said.startswith(f"metadata.csv: {reason}")
    assert said.endswith("; save it with commas, and column names in the first line")


@pytest.mark.parametrize("indent", [None, 2])
def test_one_json_document_in_place_of_lines_is_one_error(folder: Path, indent: int | None) -> None:
    put_images(folder, "1.png", "2.png")
    entries = [{"file_name": f"{number}.png", "text": "a cup"} for number in (1, 2)]
    said = "metadata.jsonl: is one JSON document, not one object per line; write one object per line"
    (folder / "metadata.jsonl").write_text(json.dumps(entries, indent=indent))
    assert errors_of(folder) == [said]
    (folder / "metadata.jsonl").write_text(json.dumps({"1.png": "a cup", "2.png": "a jug"}, indent=2))
    assert errors_of(folder) == [said]
