"""How large the zip of a dataset is, before anything is in the store to pack it from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tuneloop.schemas.dataset import DatasetItem

_LOCAL_HEADER = 30
_DATA_DESCRIPTOR = 16
_CENTRAL_HEADER = 46
_END = 22
_LARGEST_PLAIN = (1 << 31) - 1
_MOST_PLAIN_ENTRIES = (1 << 16) - 1
_ZIP64_PER_ENTRY = 20 + 8 + 28
_ZIP64_END = 56 + 20


def archive_size(items: Sequence[DatasetItem]) -> int:
    """Bytes of the zip that `DatasetArchive` makes of these items as they are.

    Exact below 2 GiB and 65,536 entries; above, zip64 fields make it an upper bound, by 56 bytes per entry.
    """
    size, entries = 0, 0
    for number, item in enumerate(items, start=1):
        name = f"{number:04d}" if item.pair is None else f"{item.pair:02d}_{item.role}"
        size += _entry(len(name) + (5 if item.format == "webp" else 4), item.size_bytes)
        entries += 1
        if item.caption is not None:
            bare = name if item.pair is None else f"{item.pair:02d}"
            size += _entry(len(bare) + len(".txt"), len(item.caption.encode()))
            entries += 1
    if size > _LARGEST_PLAIN or entries > _MOST_PLAIN_ENTRIES:
        size += entries * _ZIP64_PER_ENTRY + _ZIP64_END
    return size + _END


def _entry(name_length: int, size_bytes: int) -> int:
    """A stored entry with everything that tells of it; its name stands in the zip twice."""
    return _LOCAL_HEADER + size_bytes + _DATA_DESCRIPTOR + _CENTRAL_HEADER + 2 * name_length
