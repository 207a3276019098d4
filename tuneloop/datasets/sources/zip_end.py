"""The end of a zip, looked at before anything believes it.

Python's zipfile reads a list of contents of any size into memory, and overlooks bytes before the first entry.
"""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

from tuneloop.datasets.sources import limits
from tuneloop.errors import DatasetError

_END, _END_64, _LOCATOR, _LISTED = b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\1\2"
_END_FIELDS = struct.Struct("<4s4H2LH")
_END_64_FIELDS = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_BYTES = 20
_LONGEST_COMMENT = 0xFFFF
_FILLER = b"\0\r\n\t "
"""What downloads and mails add to a file's end."""
_WEB_PAGE = re.compile(rb"(?i)\s*(\xef\xbb\xbf)?\s*<(!doctype html|html|head|script|\?xml)")


def checked_directory_start(file: BinaryIO, label: str) -> int:
    """Find where the list of contents starts, that only entries come before it and only filler after it.

    Args:
        file: The zip.
        label: What people call it.

    Raises:
        DatasetError: It is no zip, is cut short, has bytes around it, or lists too much.
    """
    start, size_bytes = _directory(file, label)
    if size_bytes > limits.LARGEST_DIRECTORY_BYTES:
        raise DatasetError(_too_many(label))
    file.seek(start)
    # Counted in the bytes themselves: the number beside them is only a claim.
    if file.read(size_bytes).count(_LISTED) > limits.MOST_FILES:
        raise DatasetError(_too_many(label))
    return start


def _directory(file: BinaryIO, label: str) -> tuple[int, int]:
    """Start and size of the list of contents, in bytes."""
    size_bytes = file.seek(0, 2)
    tail_start = max(0, size_bytes - _END_FIELDS.size - _LONGEST_COMMENT)
    file.seek(tail_start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_FIELDS.size:
        file.seek(0)
        if _WEB_PAGE.match(file.read(1024)):
            raise DatasetError(
                f"{label} is a web page and no zip; name the address of the zip itself, the one that a download "
                "ends at, or download it and name the file"
            )
        raise DatasetError(f"{label} is no zip that can be read: it has no end; fetch or zip it again")
    *_, directory_bytes, start, comment_bytes = _END_FIELDS.unpack_from(tail, at)
    comment_end = at + _END_FIELDS.size + comment_bytes
    if comment_end > len(tail) or tail[comment_end:].strip(_FILLER):
        raise DatasetError(f"{label} is no whole zip: its end is cut, or bytes come after it; zip it again")
    end = tail_start + at
    if end >= _LOCATOR_BYTES + _END_64_FIELDS.size:
        file.seek(end - _LOCATOR_BYTES - _END_64_FIELDS.size)
        large = file.read(_END_64_FIELDS.size)
        if file.read(len(_LOCATOR)) == _LOCATOR:
            mark, *_, directory_bytes, start = _END_64_FIELDS.unpack(large)
            end -= _LOCATOR_BYTES + _END_64_FIELDS.size
            if mark != _END_64:
                raise DatasetError(f"{label} is no zip that can be read: its end is broken; zip it again")
    if start + directory_bytes != end:
        raise DatasetError(
            f"{label} is no plain zip: other bytes come before it or within it, or a part is missing; zip it again"
        )
    return start, directory_bytes


def _too_many(label: str) -> str:
    return f"{label} lists more than {limits.MOST_FILES:,} files; leave out what is no image and no caption"
