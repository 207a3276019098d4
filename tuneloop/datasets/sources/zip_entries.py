"""The entries of a zip, none of them trusted: what stays can be unpacked without doing harm.

Python's zipfile reads a list of contents of any size into memory, and overlooks bytes before the first entry: so
the end of a zip is checked first.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
from typing import BinaryIO, NamedTuple

from tuneloop.datasets.sources import limits
from tuneloop.datasets.sources.names import check_unique, is_system_path, name_problem
from tuneloop.datasets.sources.zip_names import names_of, raw_name
from tuneloop.errors import DatasetError

_END, _END_64, _LOCATOR, _LISTED = b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\1\2"
_END_FIELDS = struct.Struct("<4s4H2LH")
_END_64_FIELDS = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_BYTES = 20
_LONGEST_COMMENT = 0xFFFF
_FILLER = b"\0\r\n\t "
"""What downloads and mails add to a file's end."""
_WEB_PAGE = re.compile(rb"(?i)\s*(\xef\xbb\xbf)?\s*<(!doctype html|html|head|script|\?xml)")
_LOCAL = b"PK\3\4"
_LOCAL_BYTES = 30
# Bits of an entry's flags: encrypted, strongly encrypted, and with encrypted headers.
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_PATCHED = 0x0020
_SPANNED = (b"PK00", b"PK\7\x08")
"""In front of the first entry where a zip was to be split, and was not."""
_OVERLOOKED = frozenset({".ds_store", "thumbs.db", "desktop.ini", "icon\r"})
"""Of what is left behind, these do no harm in a zip that a provider fetches by itself: trainers overlook them."""
_NO_ZIP = (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, EOFError, struct.error)


class Entry(NamedTuple):
    """A file within a zip; sizes and checksum are what the zip claims."""

    name: str
    """Relative, and safe below any folder."""
    start: int
    packed_bytes: int
    size_bytes: int
    crc32: int
    deflated: bool


def entries_of(file: BinaryIO, label: str, *, flat: bool) -> list[Entry]:
    """List the files of a zip, without what operating systems leave behind. Raises `DatasetError`."""
    end, directory_bytes = _directory(file, label)
    too_many = f"{label} lists more than {limits.MAX_FILES:,} files; leave out what is neither image nor caption"
    file.seek(end)
    # Counted in the bytes themselves: the number beside them is only a claim.
    is_long = directory_bytes > limits.MAX_DIRECTORY_BYTES
    if is_long or file.read(directory_bytes).count(_LISTED) > limits.MAX_FILES:
        raise DatasetError(too_many)
    try:
        with zipfile.ZipFile(file) as opened:
            listed = opened.infolist()
    except _NO_ZIP as error:
        raise DatasetError(f"{label} is not a readable zip: {error}; zip it again") from None
    if len(listed) > limits.MAX_FILES:
        raise DatasetError(too_many)
    names = names_of(listed)
    starts = _data_starts(file, listed, names, end, label)
    entries = []
    for item, name, start in zip(listed, names, starts, strict=True):
        problem = _problem_for_provider(item, name) if flat else None
        if problem is None and (is_system_path(name) or (name == "/" and item.file_size == 0)):
            continue
        problem = problem or _entry_problem(item, name)
        if problem is not None:
            raise DatasetError(f"{label}: {name!r} {problem}")
        if not name.endswith("/"):
            deflated = item.compress_type == zipfile.ZIP_DEFLATED
            entries.append(Entry(name, start, item.compress_size, item.file_size, item.CRC, deflated))
    check_unique((entry.name for entry in entries), label)
    total = sum(entry.size_bytes for entry in entries)
    if total > limits.MAX_DATASET_BYTES:
        raise DatasetError(f"{label} unpacks to {total:,} bytes; the limit is {limits.MAX_DATASET_BYTES:,}")
    return entries


def _problem_for_provider(item: zipfile.ZipInfo, name: str) -> str | None:
    """Say what would disturb a training whose provider reads this zip by itself. Returns reason and remedy."""
    for read in (name, item.orig_filename):
        if is_system_path(read) and read.lower() not in _OVERLOOKED:
            return "is hidden or left by the system, and the provider would receive it; zip the images (zip -X)"
        if "/" in read:
            return "is in a folder; zip the images flat, for the provider fetches this zip by itself"
    return None


def _entry_problem(item: zipfile.ZipInfo, name: str) -> str | None:
    """Say why an entry is not unpacked. Returns reason and remedy."""
    is_folder = name.endswith("/")
    kind = stat.S_IFMT(item.external_attr >> 16)
    # What came through a pipe (`zip -`) has the pipe's attributes and is a file by now.
    piped = kind == stat.S_IFIFO and item.file_size > 0
    plain = kind in {0, stat.S_IFREG} or piped or (kind == stat.S_IFDIR and is_folder)
    usual = item.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} and not item.flag_bits & _PATCHED
    problems = (
        (kind == stat.S_IFLNK, "is a symbolic link; zip the file itself"),
        (not plain, "is a device or another special file; leave it out"),
        (bool(item.flag_bits & _ENCRYPTED), "is encrypted; zip it without a password"),
        (not usual, f"is packed by method {item.compress_type}; zip it with deflate, the usual one"),
        (is_folder and item.file_size > 0, "is a folder with contents of its own; zip it again"),
    )
    named = name_problem(name.removesuffix("/"))
    return named or next((reason for found, reason in problems if found), None) or _size_problem(item)


def _size_problem(item: zipfile.ZipInfo) -> str | None:
    if item.file_size > limits.MAX_FILE_BYTES:
        return (
            f"unpacks to {item.file_size:,} bytes; the limit for one file is {limits.MAX_FILE_BYTES:,}, so "
            "leave it out or make it smaller"
        )
    if item.compress_type == zipfile.ZIP_STORED and item.file_size != item.compress_size:
        return "has two sizes, though it is not compressed; zip it again"
    if item.file_size > max(limits.RATIO_MATTERS_BYTES, limits.MAX_RATIO * item.compress_size):
        return f"grows more than {limits.MAX_RATIO} times when unpacked; leave it out, no image does"
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
    if file.read(name_bytes) != raw_name(item):
        return None
    return item.header_offset + _LOCAL_BYTES + int(name_bytes) + int(extra_bytes)


def _directory(file: BinaryIO, label: str) -> tuple[int, int]:
    """Find where the list of contents starts, and its size, and that only filler comes after it."""
    size_bytes = file.seek(0, 2)
    tail_start = max(0, size_bytes - _END_FIELDS.size - _LONGEST_COMMENT)
    file.seek(tail_start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_FIELDS.size:
        file.seek(0)
        if _WEB_PAGE.match(file.read(1024)):
            raise DatasetError(
                f"{label} is a web page, not a zip; name the address of the zip itself, the one that a download "
                "ends at, or download it and name the file"
            )
        raise DatasetError(f"{label} is not a readable zip: it has no end; fetch or zip it again")
    *_, directory_bytes, start, comment_bytes = _END_FIELDS.unpack_from(tail, at)
    comment_end = at + _END_FIELDS.size + comment_bytes
    if comment_end > len(tail) or tail[comment_end:].strip(_FILLER):
        raise DatasetError(f"{label} is not a complete zip: its end is cut, or bytes come after it; zip it again")
    end = tail_start + at
    if end >= _LOCATOR_BYTES + _END_64_FIELDS.size:
        file.seek(end - _LOCATOR_BYTES - _END_64_FIELDS.size)
        large = file.read(_END_64_FIELDS.size)
        if file.read(len(_LOCATOR)) == _LOCATOR:
            mark, *_, directory_bytes, start = _END_64_FIELDS.unpack(large)
            end -= _LOCATOR_BYTES + _END_64_FIELDS.size
            if mark != _END_64:
                raise DatasetError(f"{label} is not a readable zip: its end is broken; zip it again")
    if start + directory_bytes != end:
        raise DatasetError(
            f"{label} is not a plain zip: other bytes come before it or within it, or a part is missing; "
            "zip it again"
        )
    return start, directory_bytes
