"""A zip, unpacked below a folder, without trusting what it says about itself.

zipfile hands out the first bytes of an entry up to its claimed size and cannot tell that there would be more, so
the data are inflated here: counted, checked, and with memory bounded by one piece.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tuneloop.datasets.sources import Progress
from tuneloop.datasets.sources.zip_entries import Entry, entries_of
from tuneloop.errors import DatasetError

_PIECE_BYTES = 1 << 20


def unpack(
    archive: Path, folder: Path, label: str, *, flat: bool = False, on_progress: Progress | None = None
) -> None:
    """Unpack every file of a zip. Nothing is written outside the folder, whatever the zip says.

    Raises `DatasetError`; the folder may hold some files then.
    """
    for done, total in _written(archive, folder, label, flat=flat):
        if on_progress is not None:
            on_progress(done, total)


def _written(archive: Path, folder: Path, label: str, *, flat: bool) -> Iterator[tuple[int, int]]:
    """Unpack piece by piece. Produces (bytes so far, bytes in all); whoever is told stays outside the `try`."""
    entry: Entry | None = None
    try:
        with archive.open("rb") as file:
            entries = entries_of(file, label, flat=flat)
            if not entries:
                raise DatasetError(f"{label} holds no files; zip the images themselves")
            done, total = 0, sum(entry.size_bytes for entry in entries)
            for entry in entries:
                target = folder / entry.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as written:
                    for piece in _content(file, entry, label):
                        written.write(piece)
                        done += len(piece)
                        yield done, total
    except FileExistsError:
        # Two names that are one to this file system: it may know no capital letters.
        name = entry.name if entry else ""
        raise DatasetError(f"{label}: {name!r} is in it twice; rename one of the two") from None
    except OSError as error:
        raise DatasetError(
            f"{label} cannot be unpacked ({error.strerror}); make it readable, and room in {folder.parent}"
        ) from error


def _content(file: BinaryIO, entry: Entry, label: str) -> Iterator[bytes]:
    """Produce one file, and stop at the first byte that was not announced."""
    size_bytes, checksum = 0, 0
    file.seek(entry.start)
    for piece in _inflated(file, entry, label) if entry.deflated else _pieces(file, entry.packed_bytes):
        size_bytes += len(piece)
        if size_bytes > entry.size_bytes:
            break
        checksum = zlib.crc32(piece, checksum)
        yield piece
    if size_bytes != entry.size_bytes:
        raise DatasetError(f"{label}: {entry.name!r} is not of the size that the zip states; zip it again")
    if checksum != entry.crc32:
        raise DatasetError(f"{label}: {entry.name!r} is damaged; fetch or zip it again")


def _pieces(file: BinaryIO, size_bytes: int) -> Iterator[bytes]:
    while size_bytes and (piece := file.read(min(size_bytes, _PIECE_BYTES))):
        size_bytes -= len(piece)
        yield piece


def _inflated(file: BinaryIO, entry: Entry, label: str) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for packed in _pieces(file, entry.packed_bytes):
            # What follows the end would be gathered in memory.
            if inflater.eof:
                break
            rest = packed
            while rest:
                yield inflater.decompress(rest, _PIECE_BYTES)
                rest = inflater.unconsumed_tail
        while piece := inflater.decompress(b"", _PIECE_BYTES):
            yield piece
    except zlib.error:
        raise DatasetError(f"{label}: {entry.name!r} is damaged; fetch or zip it again") from None
    if not inflater.eof or inflater.unused_data or file.tell() != entry.start + entry.packed_bytes:
        raise DatasetError(f"{label}: {entry.name!r} is cut short, or has bytes after it; zip it again")
