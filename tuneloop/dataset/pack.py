"""The archive that a provider trains on."""

from __future__ import annotations

import hashlib
import stat
from typing import TYPE_CHECKING

from zipstream import ZipStream  # type: ignore[import-untyped]
from zipstream.ng import ZipStreamInfo  # type: ignore[import-untyped]

from tuneloop.dataset.keep import picture_name
from tuneloop.errors import NotInStore, RecordUnreadable
from tuneloop.values.dataset import DatasetItem, DatasetManifest, PictureFormat, Sha256, in_digest_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tuneloop.storage.store import Store

_SUFFIXES: dict[PictureFormat, str] = {"jpeg": "jpg", "png": "png", "webp": "webp"}
_READ_BYTES = 1024 * 1024
_MADE_ON_UNIX = 3
_EARLIEST_TIME = (1980, 1, 1, 0, 0, 0)


class DatasetArchive:
    """A dataset as a flat, stored zip: `0001.jpg`, `0001.txt`, `0002.png`, …, in digest order.

    The bytes are a function of the dataset's digest alone, on every host: entries carry one fixed time and
    the attributes of a plain file (BFL refuses others). So a broken upload starts again with identical bytes.

    zipstream-ng writes it, for two reasons. It knows the size before the first byte, which a presigned PUT
    demands as Content-Length; and it produces the archive as a stream, so that no temporary file and never a
    whole picture is held. Deflating would cost 11 to 24 times the time for at most 0.5 % of size.

    Args:
        manifest: What to pack.
        store: Holds the pictures; they are never read from the folder.
    """

    def __init__(self, manifest: DatasetManifest, store: Store) -> None:
        self._items = in_digest_order(list(manifest.items))
        self._store = store
        self.size_bytes: int = len(self._stream())
        """Exact size of the archive."""
        self.sha256: Sha256 | None = None
        """Digest of the archive, known once `chunks()` has run to its end."""

    def chunks(self) -> Iterator[bytes]:
        """Produce the archive, from its start at every call, in pieces of at most 1 MiB.

        Raises:
            NotInStore: A picture is missing in the store.
            RecordUnreadable: A picture in the store is not the one its name says.
        """
        hasher = hashlib.sha256()
        for chunk in self._stream():
            hasher.update(chunk)
            yield chunk
        self.sha256 = hasher.hexdigest()

    def _stream(self) -> ZipStream:
        stream = _TracelessZip(sized=True)
        for number, item in enumerate(self._items, start=1):
            name, caption_name = _entry_names(number, item)
            stream.add(self._picture(item), f"{name}.{_SUFFIXES[item.format]}", size=item.size_bytes)
            if item.caption is not None:
                caption = item.caption.encode()
                stream.add([caption], f"{caption_name}.txt", size=len(caption))
        return stream

    def _picture(self, item: DatasetItem) -> Iterator[bytes]:
        """Read one picture from the store, and fail before the next entry if it is not the right one."""
        name = picture_name(item.sha256)
        hasher = hashlib.sha256()
        try:
            with self._store.open(name) as file:
                while piece := file.read(_READ_BYTES):
                    hasher.update(piece)
                    yield piece
        except NotInStore as error:
            raise NotInStore(
                f"{self._store.uri_of(name)}: the picture {item.file_name} is missing in the store; "
                "restore it from a backup, or run again from the folder"
            ) from error
        if hasher.hexdigest() != item.sha256:
            raise RecordUnreadable(
                f"{self._store.uri_of(name)}: holds other bytes than its name says ({item.file_name}); "
                "restore it from a backup, or move it away and run again from the folder"
            )


def _entry_names(number: int, item: DatasetItem) -> tuple[str, str]:
    """Names of a picture and of its caption, without suffix; a pair has one caption for both pictures."""
    if item.pair is None:
        return f"{number:04d}", f"{number:04d}"
    return f"{item.pair:02d}_{item.role}", f"{item.pair:02d}"


class _TracelessZip(ZipStream):  # type: ignore[misc]
    """A zip whose entries do not tell when, where and by whom they were packed.

    zipstream-ng gives entries that come from an iterable the present time, the attributes of a private file
    and the host's system, and has no setting for any of them. Hence this one method; the golden test of the
    archive's bytes watches over it.
    """

    def _gen_file_entry(self, *, iterable: Iterable[bytes], size: int, arcname: str) -> Iterator[bytes]:
        entry = ZipStreamInfo(arcname, _EARLIEST_TIME)
        entry.create_system = _MADE_ON_UNIX
        entry.external_attr = (stat.S_IFREG | 0o644) << 16
        entry.file_size = size
        entry.header_offset = self._pos
        for piece in entry._file_data(iterable):  # noqa: SLF001
            yield self._track(piece)
        self._filelist.append(entry)
