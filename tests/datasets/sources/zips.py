"""Zips, honest ones and hostile ones, and what is in folders."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from tuneloop.datasets.sources.opening import open_source


def contents_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its relative name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def open_and_close(source: str, **more: Any) -> None:
    with open_source(source, **more):
        pass


def zipped(names: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip as Python writes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in names.items():
            archive.writestr(name, data)
    return buffer.getvalue()


class Made(NamedTuple):
    """An entry as it is written, every lie included; None stands for the truth."""

    name: bytes
    data: bytes = b""
    deflated: bool = False
    flags: int = 0
    method: int | None = None
    size_bytes: int | None = None
    checksum: int | None = None
    packed_bytes: int | None = None
    attributes: int = 0
    local_name: bytes | None = None
    packed: bytes | None = None
    offset: int | None = None
    host: int = 3
    extra: bytes = b""


def made_zip(entries: list[Made], *, before: bytes = b"", after: bytes = b"", shift: int = 0) -> bytes:
    """A zip, written byte by byte.

    Args:
        entries: What is in it.
        before: Bytes before the first entry.
        after: Bytes after the end.
        shift: Added to every offset.
    """
    body, directory = bytearray(before), bytearray()
    for entry in entries:
        deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        deflated = deflater.compress(entry.data) + deflater.flush()
        packed = entry.packed if entry.packed is not None else (deflated if entry.deflated else entry.data)
        method = entry.method if entry.method is not None else 8 * entry.deflated
        checksum = zlib.crc32(entry.data) if entry.checksum is None else entry.checksum
        size_bytes = len(entry.data) if entry.size_bytes is None else entry.size_bytes
        packed_bytes = len(packed) if entry.packed_bytes is None else entry.packed_bytes
        shared = struct.pack("<3H2H3L", 20, entry.flags, method, 0, 33, checksum, packed_bytes, size_bytes)
        offset = len(body) + shift if entry.offset is None else entry.offset
        name = entry.name if entry.local_name is None else entry.local_name
        body += b"PK\3\4" + shared + struct.pack("<2H", len(name), 0) + name + packed
        directory += b"PK\1\2" + bytes([20, entry.host]) + shared
        directory += struct.pack(
            "<5H2L", len(entry.name), len(entry.extra), 0, 0, 0, entry.attributes << 16, offset
        )
        directory += entry.name + entry.extra
    counts = struct.pack("<4H2LH", 0, 0, len(entries), len(entries), len(directory), len(body) + shift, 0)
    return bytes(body + directory) + b"PK\5\6" + counts + after
