"""Parquet tables of captions and of images, read with pyarrow where it is installed: it is an extra.

Source: Hugging Face, datasets, "Image" feature: a struct of `bytes` and `path`, or the bytes alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from tuneloop.datasets.files import FileEntry, walk
from tuneloop.datasets.listing import IMAGE_SUFFIXES
from tuneloop.datasets.sources import limits
from tuneloop.datasets.sources.names import name_problem
from tuneloop.errors import DatasetError

_EXTRA = "pip install 'tuneloop[hub]'"
_TEXTS_AT_A_TIME = 1000
_IMAGES_AT_A_TIME = 8
_MAX_TEXT_BYTES = 1 << 30
"""All columns together as they would be in memory, before one of them is read for its text."""
_STARTS = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"RIFF": ".webp",
    b"GIF8": ".gif",
    **dict.fromkeys((b"II*\0", b"MM\0*"), ".tif"),
    b"BM": ".bmp",
}


class UnreadableTable(Exception):
    """Its arguments are why a table cannot be read, as the second half of a sentence, and what to do about it."""


def opened_table(table: FileEntry) -> Any:
    """Open a table without reading a row. Raises `UnreadableTable`, also where pyarrow is missing."""
    try:
        parquet = import_module("pyarrow.parquet")
        return parquet.ParquetFile(table.path, pre_buffer=False, buffer_size=1 << 20)
    except ImportError:
        reason, remedy = "is read with pyarrow, which is not installed", f"install it with `{_EXTRA}`"
    except (OSError, ValueError, MemoryError) as error:
        reason, remedy = f"is not a readable parquet file ({type(error).__name__})", "write it again"
    raise UnreadableTable(reason, remedy)


def _text_columns(file: Any) -> list[str]:
    texts = {"string", "large_string", "string_view"}
    return [field.name for field in file.schema_arrow if str(field.type) in texts]


def text_rows(file: Any) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Each row's number, from 1, with its texts, or with what is wrong with it."""
    number = 0
    if _total_bytes(file) > _MAX_TEXT_BYTES:
        yield 1, "cannot be read: the table is larger than 1 GiB"
        return
    try:
        for batch in file.iter_batches(_TEXTS_AT_A_TIME, columns=_text_columns(file), use_threads=False):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except (OSError, ValueError, MemoryError) as error:
        yield number + 1, f"cannot be read ({type(error).__name__})"


def _total_bytes(file: Any) -> int:
    """All columns of a table, as they would be in memory."""
    return sum(file.metadata.row_group(number).total_byte_size for number in range(file.num_row_groups))


class ImageTable(NamedTuple):
    """A table with a column of images, and texts that may be captions."""

    found: FileEntry
    file: Any
    column: str
    texts: list[str]


def image_tables(folder: Path, label: str) -> list[ImageTable]:
    """Find a folder's tables of images; where an image lies in the folder, its tables are left alone.

    Raises `DatasetError`.
    """
    files = walk(folder).files
    found = [file for file in files if file.suffix == ".parquet" and file.path.name != "metadata.parquet"]
    if any(file.suffix in IMAGE_SUFFIXES for file in files):
        return []
    return [table for file in found if (table := _table(file, label)) is not None]


def unpacked_tables(folder: Path, target: Path, label: str) -> Path:
    """Write the images of a folder's tables as files, with a `metadata.jsonl` of what the tables say of them.

    Returns `target`, or `folder` where it has no table of images. Raises `DatasetError`.
    """
    tables = image_tables(folder, label)
    if not tables:
        return folder
    rows = sum(table.file.metadata.num_rows for table in tables)
    total = sum(_total_bytes(table.file) for table in tables)
    if rows > limits.MAX_FILES:
        raise DatasetError(f"{label} has {rows:,} rows of images; the limit is {limits.MAX_FILES:,}")
    if total > limits.MAX_DATASET_BYTES:
        most = f"the limit is {limits.MAX_DATASET_BYTES:,}"
        raise DatasetError(f"{label} holds tables of {total:,} bytes; {most}")
    try:
        _write(tables, target, label)
    except OSError as error:
        raise DatasetError(
            f"{label} cannot be unpacked ({error.strerror}); make room in {target.parent}"
        ) from error
    return target


def _write(tables: list[ImageTable], target: Path, label: str) -> None:
    left_bytes = limits.MAX_DATASET_BYTES
    for table in tables:
        # A folder for each: rows of several tables may have images of one name.
        inner = target / table.found.name.removesuffix(".parquet")
        inner.mkdir(parents=True)
        with (inner / "metadata.jsonl").open("w", encoding="utf-8") as told:
            for name, data, texts in _rows(table, label):
                left_bytes -= len(data)
                if len(data) > limits.MAX_FILE_BYTES or left_bytes < 0:
                    raise DatasetError(f"{label}: {table.found.name} holds too many bytes; make it smaller")
                (inner / name).write_bytes(data)
                told.write(json.dumps({"file_name": name, **texts}) + "\n")


def _table(found: FileEntry, label: str) -> ImageTable | None:
    try:
        file = opened_table(found)
    except UnreadableTable as error:
        raise DatasetError(f"{label}: {found.name} {'; '.join(error.args)}") from None
    images = [field.name for field in file.schema_arrow if _holds_images(field)]
    if not images:
        return None
    if len(images) > 1 and "image" not in images:
        raise DatasetError(
            f"{label}: {found.name} has several columns of images ({', '.join(images)}); call the right one image"
        )
    return ImageTable(found, file, "image" if "image" in images else images[0], _text_columns(file))


def _holds_images(field: Any) -> bool:
    kind = str(field.type)
    if kind.startswith("struct<"):
        return {"bytes", "path"} <= {inner.name for inner in field.type}
    return field.name == "image" and kind in {"binary", "large_binary"}


def _rows(table: ImageTable, label: str) -> Iterator[tuple[str, bytes, dict[str, str | None]]]:
    used: set[str] = set()
    for number, row in enumerate(_read(table, label), start=1):
        image = row.pop(table.column)
        name, data = (image.get("path"), image.get("bytes")) if isinstance(image, dict) else (None, image)
        if not data:
            raise DatasetError(
                f"{label}: row {number} of {table.found.name} holds no image, or only its path; embed the "
                "images, or take the row out"
            )
        yield _name(number, name or "", data, used), data, row


def _read(table: ImageTable, label: str) -> Iterator[dict[str, Any]]:
    """Read a few rows at a time: they may be large."""
    done = 0
    try:
        columns = [table.column, *table.texts]
        for batch in table.file.iter_batches(_IMAGES_AT_A_TIME, columns=columns, use_threads=False):
            rows = batch.to_pylist()
            done += len(rows)
            yield from rows
    except (OSError, ValueError, TypeError, MemoryError) as error:
        raise DatasetError(
            f"{label}: {table.found.name} is broken after row {done} ({type(error).__name__}); write it again"
        ) from None


def _name(number: int, path: str, data: bytes, used: set[str]) -> str:
    """The image's own name, where it has one that nothing else in the table has; else its row's number."""
    name = PurePosixPath(path).name
    stem = PurePosixPath(name).stem.casefold()
    usual = PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES
    if not usual or name.startswith(".") or name_problem(name) is not None or stem in used:
        suffix = next((suffix for start, suffix in _STARTS.items() if data.startswith(start)), ".jpg")
        name = f"row-{number:06}{suffix}"
        stem = PurePosixPath(name).stem
    used.add(stem)
    return name
