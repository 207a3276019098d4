"""Parquet tables, read with pyarrow where it is installed: it is an extra."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from tuneloop.datasets.files import FileEntry

_EXTRA = ".venv/bin/python -m pip install -e '.[hub]'"
_ROWS_AT_A_TIME = 1000
_MAX_TEXT_BYTES = 1 << 30
"""All columns together as they would be in memory, before one of them is read for its text."""


class UnreadableTable(Exception):
    """Why a table cannot be read, as the second half of a sentence, and what to do about it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason, remedy)
        self.reason = reason
        self.remedy = remedy


def opened_table(table: FileEntry) -> Any:
    """Open a table without reading a row. Raises `UnreadableTable`, also where pyarrow is missing."""
    try:
        parquet = import_module("pyarrow.parquet")
    except ImportError:
        raise UnreadableTable(
            "is read with pyarrow, which is not installed", f"install it with `{_EXTRA}`"
        ) from None
    try:
        return parquet.ParquetFile(table.path, pre_buffer=False, buffer_size=1 << 20)
    except (OSError, ValueError, MemoryError) as error:
        raise UnreadableTable(
            f"is no parquet that can be read ({type(error).__name__})", "write it again"
        ) from None


def text_columns(file: Any) -> list[str]:
    """Names of the columns that hold texts."""
    return [
        field.name for field in file.schema_arrow if str(field.type) in {"string", "large_string", "string_view"}
    ]


def text_rows(file: Any) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Each row's number, from 1, with its texts, or with what is wrong with it."""
    groups = (file.metadata.row_group(number) for number in range(file.num_row_groups))
    number = 0
    if sum(group.total_byte_size for group in groups) > _MAX_TEXT_BYTES:
        yield 1, "cannot be read: the table is larger than 1 GiB"
        return
    try:
        for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=text_columns(file), use_threads=False):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except (OSError, ValueError, MemoryError) as error:
        yield number + 1, f"cannot be read ({type(error).__name__})"
