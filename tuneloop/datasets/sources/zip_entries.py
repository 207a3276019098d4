"""The entries of a zip, none of them trusted: what stays can be unpacked without doing harm."""

from __future__ import annotations

import stat
import struct
import zipfile
from typing import BinaryIO, NamedTuple

from tuneloop.datasets.sources import limits
from tuneloop.datasets.sources.names import check_unique, left_behind, name_problem
from tuneloop.datasets.sources.zip_end import checked_directory_start
from tuneloop.datasets.sources.zip_names import names_of
from tuneloop.errors import DatasetError

_LOCAL = b"PK\3\4"
_LOCAL_BYTES = 30
# Bits of an entry's flags: encrypted, strongly encrypted, and with encrypted headers.
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_PATCHED = 0x0020
_UTF_8 = 0x0800
_SPANNED = (b"PK00", b"PK\7\x08")
"""In front of the first entry where a zip was to be split, and was not."""
_OVERLOOKED = frozenset({".ds_store", "thumbs.db", "desktop.ini", "icon\r"})
"""Of what is left behind, these do no harm in a zip that a provider fetches by itself: trainers overlook them."""
_NO_ZIP = (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, EOFError, struct.error)


class Entry(NamedTuple):
    """A file within a zip."""

    name: str
    """Relative, and safe below any folder."""
    start: int
    """Where its data start in the zip."""
    packed_bytes: int
    """Size of its data."""
    size_bytes: int
    """Size of the file, as the zip claims."""
    checksum: int
    """CRC-32 of the file, as the zip claims."""
    deflated: bool
    """Whether its data are deflated; otherwise they are the file itself."""


def entries_of(file: BinaryIO, label: str, *, flat: bool) -> list[Entry]:
    """List the files of a zip, without what operating systems leave behind.

    Args:
        file: The zip.
        label: What people call it.
        flat: Refuse folders, and what is left behind but would disturb a training.

    Raises:
        DatasetError: Names the entry, the reason and the remedy.
    """
    end = checked_directory_start(file, label)
    try:
        with zipfile.ZipFile(file) as opened:
            listed = opened.infolist()
    except _NO_ZIP as error:
        raise DatasetError(f"{label} is no zip that can be read: {error}; zip it again") from None
    if len(listed) > limits.MOST_FILES:
        raise DatasetError(f"{label} lists more than {limits.MOST_FILES:,} files; leave out what is no dataset")
    names = names_of(listed)
    starts = _data_starts(file, listed, names, end, label)
    entries = []
    for item, name, start in zip(listed, names, starts, strict=True):
        problem = _problem_for_provider(item, name) if flat else None
        if problem is None and (left_behind(name) or (name == "/" and item.file_size == 0)):
            continue
        problem = problem or _problem_with(item, name)
        if problem is not None:
            raise DatasetError(f"{label}: {name!r} {problem}")
        if not name.endswith("/"):
            deflated = item.compress_type == zipfile.ZIP_DEFLATED
            entries.append(Entry(name, start, item.compress_size, item.file_size, item.CRC, deflated))
    check_unique((entry.name for entry in entries), label)
    total = sum(entry.size_bytes for entry in entries)
    if total > limits.LARGEST_DATASET_BYTES:
        raise DatasetError(
            f"{label} unpacks to {total:,} bytes; {limits.LARGEST_DATASET_BYTES:,} is the most that is unpacked"
        )
    return entries


def _problem_for_provider(item: zipfile.ZipInfo, name: str) -> str | None:
    """Say what would disturb a training whose provider reads this zip by itself. Returns reason and remedy."""
    for read in (name, item.orig_filename):
        if left_behind(read) and read.lower() not in _OVERLOOKED:
            return "is hidden or left behind by a system, and the provider would get it; zip the images (zip -X)"
        if "/" in read:
            return "is in a folder; zip the images flat, for the provider fetches this zip by itself"
    return None


def _problem_with(item: zipfile.ZipInfo, name: str) -> str | None:
    """Say why an entry is not unpacked. Returns reason and remedy."""
    is_folder = name.endswith("/")
    kind = stat.S_IFMT(item.external_attr >> 16)
    # What came through a pipe (`zip -`) has the pipe's attributes and is a file by now.
    piped = kind == stat.S_IFIFO and item.file_size > 0
    plain = kind in {0, stat.S_IFREG} or piped or (kind == stat.S_IFDIR and is_folder)
    usual = item.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} and not item.flag_bits & _PATCHED
    problems = (
        (kind == stat.S_IFLNK, "is a symbolic link; zip the file itself"),
        (not plain, "is a device or something else that is no file; leave it out"),
        (bool(item.flag_bits & _ENCRYPTED), "is encrypted; zip it without a password"),
        (not usual, f"is packed by method {item.compress_type}; zip it with deflate, the usual one"),
        (is_folder and item.file_size > 0, "is a folder with contents of its own; zip it again"),
    )
    named = name_problem(name.removesuffix("/"))
    return named or next((reason for found, reason in problems if found), None) or _problem_with_size(item)


def _problem_with_size(item: zipfile.ZipInfo) -> str | None:
    if item.file_size > limits.LARGEST_FILE_BYTES:
        return (
            f"unpacks to {item.file_size:,} bytes; {limits.LARGEST_FILE_BYTES:,} is the most for one file, so "
            "leave it out or make it smaller"
        )
    if item.compress_type == zipfile.ZIP_STORED and item.file_size != item.compress_size:
        return "has two sizes, though it is not compressed; zip it again"
    if item.file_size > max(limits.RATIO_MATTERS_BYTES, limits.LARGEST_RATIO * item.compress_size):
        return f"grows more than {limits.LARGEST_RATIO} times when unpacked; leave it out, no image does"
    return None


def _data_starts(
    file: BinaryIO, listed: list[zipfile.ZipInfo], names: list[str], end: int, label: str
) -> list[int]:
    """Find where each entry's data start, and that entries follow one another from the first byte on."""
    starts: dict[int, int] = {}
    file.seek(0)
    first = len(_SPANNED[0]) if file.read(len(_SPANNED[0])) in _SPANNED else 0
    free = 0
    for position, item in sorted(enumerate(listed), key=lambda pair: pair[1].header_offset):
        if item.header_offset < free:
            raise DatasetError(f"{label}: {names[position]!r} shares bytes with another entry; zip it again")
        if free == 0 and item.header_offset != first:
            raise DatasetError(f"{label} has bytes before its first entry; zip it again, as a plain zip")
        start = _data_start(file, item)
        if start is None:
            raise DatasetError(f"{label}: {names[position]!r} is not where the zip says; zip it again")
        free = start + item.compress_size
        if free > end:
            raise DatasetError(f"{label}: {names[position]!r} is cut short; fetch or zip it again")
        starts[position] = start
    return [starts[position] for position in range(len(listed))]


def _data_start(file: BinaryIO, item: zipfile.ZipInfo) -> int | None:
    """Read an entry's own header. None where there is none, or another name's."""
    file.seek(item.header_offset)
    header = file.read(_LOCAL_BYTES)
    if len(header) < _LOCAL_BYTES or not header.startswith(_LOCAL):
        return None
    name_bytes, extra_bytes = struct.unpack_from("<2H", header, _LOCAL_BYTES - 4)
    name = item.orig_filename.encode("utf-8" if item.flag_bits & _UTF_8 else "cp437")
    if file.read(name_bytes) != name:
        return None
    return item.header_offset + _LOCAL_BYTES + int(name_bytes) + int(extra_bytes)
