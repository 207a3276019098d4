"""The `Range` header of a GET, as S3 reads it."""

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True)
class ByteRange:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int


class UnsatisfiableRange(ValueError):
    """The range begins past the end of the object."""


def wanted(header: str | None, size: int) -> ByteRange | None:
    """Return the range a request asks for, None where the whole object is the answer.

    A header with several ranges, or one that cannot be read, is ignored, as S3 does.

    Raises:
        UnsatisfiableRange: for a range that holds no byte of the object.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return None
    first_text, last_text = match.groups()
    if not first_text:
        suffix = int(last_text)
        if suffix == 0 or size == 0:
            raise UnsatisfiableRange(header)
        return ByteRange(max(0, size - suffix), size - 1)
    first = int(first_text)
    last = min(int(last_text), size - 1) if last_text else size - 1
    if first >= size:
        raise UnsatisfiableRange(header)
    # "bytes=9-3" is malformed, not unsatisfiable: the whole object is sent.
    return ByteRange(first, last) if first <= last else None
