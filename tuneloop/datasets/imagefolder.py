"""Caption tables of a Hugging Face imagefolder: `metadata.jsonl`, `metadata.csv` and `metadata.parquet`.

Source: Hugging Face, datasets, "Create an image dataset": `file_name` is the image's path from the table's
folder, and `text` its caption. Other names of the caption's column are in use; they are read, and told.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from tuneloop.datasets.captions import MAX_CAPTION_BYTES, read_text
from tuneloop.datasets.files import FileEntry
from tuneloop.datasets.parquet import UnreadableTable, opened_table, text_rows
from tuneloop.schemas.findings import Finding, error, warning
from tuneloop.schemas.shown_text import printable

_CAPTION_COLUMNS = ("text", "caption", "prompt")
_FILE_COLUMN = "file_name"
_MAX_TABLE_BYTES = 64 << 20
_MAX_LINES = 100_000
"""More than a source may hold files."""
_BROKEN_LINES_TOLD = 20
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_LONGEST_SEP = 8
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""NUL, and halves of letters, which JSON can spell and no file can hold."""
_FIX = "fix the line, or remove it"


class Row(NamedTuple):
    """One line of a table."""

    line: int
    image: str
    caption: str


class _BrokenLine(Exception):
    """What is wrong with one line, as the second half of a sentence."""


def read_table(table: FileEntry) -> tuple[list[Row], list[Finding]]:
    """Read a caption table. What cannot be read is told with the number of its line."""
    lines = _lines_of(table)
    if isinstance(lines, Finding):
        return [], [lines]
    read: list[tuple[int, dict[str, Any]]] = []
    findings: list[Finding] = []
    for number, values in lines:
        if len(read) == _MAX_LINES:
            reason = f"has more than {_MAX_LINES:,} lines"
            return [], [error("caption-huge", table.name, reason, "leave out those of other images")]
        if isinstance(values, dict):
            read.append((number, values))
        else:
            findings.append(error("table-line", table.name, f"line {number} {values}", _FIX))
        if len(findings) == _BROKEN_LINES_TOLD:
            break
    if read and all(_FILE_COLUMN not in values for _, values in read):
        there = _spelled({name for _, values in read for name in values})
        reason = f"has no column {_FILE_COLUMN}, so that its lines name no image (its columns: {there})"
        remedy = f"rename the images' column to {_FILE_COLUMN}, or remove the table"
        return [], [*findings, error("table-columns", table.name, reason, remedy)]
    column, column_findings = _caption_column(table, [values for _, values in read])
    findings += column_findings
    rows = []
    for number, values in read:
        try:
            rows.append(_row(table, number, values, column))
        except _BrokenLine as caught:
            findings.append(error("table-line", table.name, f"line {number} {caught}", _FIX))
    return rows, findings


def _lines_of(table: FileEntry) -> Iterator[tuple[int, dict[str, Any] | str]] | Finding:
    if table.suffix == ".parquet":
        try:
            return text_rows(opened_table(table))
        except UnreadableTable as caught:
            return error("table-format", table.name, *caught.args)
    huge = error("caption-huge", table.name, "is larger than 64 MiB", "make it smaller, or remove it")
    text = read_text(table.path, table.name, _MAX_TABLE_BYTES, huge)
    if isinstance(text, Finding):
        return text
    return _other_form(table, text) or (_csv_lines if table.suffix == ".csv" else _json_lines)(text)


def _other_form(table: FileEntry, text: str) -> Finding | None:
    """Tell a table of a form that is common and not the one that is read: one error instead of one a line."""
    if table.suffix != ".csv":
        if not text.lstrip().startswith("[") and not _is_one_object(text):
            return None
        reason = "is one JSON document, not one object per line"
        return error("table-format", table.name, reason, "write one object per line")
    first = text.lstrip().partition("\n")[0].strip()
    # A name alone is no line of columns.
    fields = {name: first.split(sign) for sign, name in _SEPARATORS.items() if sign in first}
    separators = (name for name, each in fields.items() if _FILE_COLUMN in {field.strip(' "') for field in each})
    if first.lower().startswith("sep="):
        reason = f"starts with a line {printable(first)[:_LONGEST_SEP]}, which only spreadsheets understand"
    elif (by := next(separators, None)) is not None:
        reason = f"has {by} between its columns, as spreadsheets write them in some countries"
    else:
        return None
    return error("table-format", table.name, reason, "save it with commas, and column names in the first line")


def _is_one_object(text: str) -> bool:
    if "\n" not in text.strip() or not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _json_lines(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Each line's number with its values, or with what is wrong with it."""
    # Not splitlines(): JSON allows other line ends, such as U+2028, within a text.
    for number, line in enumerate(io.StringIO(text, newline="\n"), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as caught:
            yield number, f"is not JSON ({caught})"
            continue
        yield number, values if isinstance(values, dict) else "is not a JSON object"


def _csv_lines(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """As `_json_lines`; an empty field is a value that is not there."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for values in reader:
            if None in values:
                yield reader.line_num, "has more fields than the first line"
            else:
                yield reader.line_num, {name: value or None for name, value in values.items()}
    except csv.Error as caught:
        yield reader.line_num, f"is not CSV ({caught})"


def _caption_column(table: FileEntry, rows: list[dict[str, Any]]) -> tuple[str | None, list[Finding]]:
    columns = {name for values in rows for name in values}
    found = [name for name in _CAPTION_COLUMNS if name in columns]
    if found == ["text"] or not rows:
        return next(iter(found), None), []
    if found:
        others = f", and not from {' or '.join(found[1:])}" if len(found) > 1 else ""
        reason = f"has its captions read from the column {found[0]}{others}"
        remedy = "optional: rename the right column to text"
        return found[0], [warning("table-column", table.name, reason, remedy)]
    others = _spelled(columns - {_FILE_COLUMN})
    reason = f"has no column text, so it holds no captions (its other columns: {others})"
    return None, [warning("table-without-captions", table.name, reason, "rename the captions' column to text")]


def _spelled(columns: set[str]) -> str:
    return ", ".join(sorted(printable(name) for name in columns))[:200] or "none"


def _row(table: FileEntry, number: int, values: dict[str, Any], column: str | None) -> Row:
    name = values.get(_FILE_COLUMN)
    if not isinstance(name, str) or not name:
        raise _BrokenLine("names no image in file_name")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise _BrokenLine(f"names a file out of the folder ({printable(name)})")
    caption = values.get(column) if column else None
    if caption is not None and not isinstance(caption, str):
        raise _BrokenLine(f"has a caption in {column} that is not text")
    if len(caption or "") > MAX_CAPTION_BYTES:
        raise _BrokenLine(f"has in {column} more than 1 MiB, too much for a caption")
    if _NO_TEXT.search(f"{name}{caption or ''}"):
        raise _BrokenLine("holds characters that are no text")
    return Row(number, str(PurePosixPath(table.folder) / path), caption or "")
