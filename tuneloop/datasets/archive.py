"""The archive that a provider trains on."""

from __future__ import annotations

import hashlib
import io
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from types import MappingProxyType
from typing import BinaryIO

from zipstream import ZipStream  # type: ignore[import-untyped]
from zipstream.ng import ZipStreamInfo  # type: ignore[import-untyped]

from tuneloop.datasets.parallel import bounded_map
from tuneloop.datasets.store import image_name
from tuneloop.errors import CorruptRecord, ObjectNotFound
from tuneloop.schemas.canonical import digest_of
from tuneloop.schemas.dataset import (
    DatasetItem,
    DatasetManifest,
    ImageFormat,
    PreparedImage,
    Sha256,
    in_digest_order,
)
from tuneloop.storage.base import Store
from tuneloop.storage.stored_file import StoredFile

Opener = Callable[[str], AbstractContextManager[BinaryIO]]

_SUFFIXES: dict[ImageFormat, str] = {"jpeg": "jpg", "png": "png", "webp": "webp"}
_READ_BYTES = 256 * 1024
"""Larger pieces leave the processor's cache between the CRC-32, the encoding and the upload."""
_SMALL_BYTES = 16 * 1024
"""Pieces below this (headers, captions) are joined: each one costs a system call and perhaps a packet."""
_AHEAD = 8
"""Images of a distant store that are requested before their turn: each one alone costs a round trip."""
_MAX_BYTES_AHEAD = 2 << 20
"""Of one image; larger ones are streamed when it is their turn, where a round trip matters little."""
_MADE_ON_UNIX = 3
_EARLIEST_TIME = (1980, 1, 1, 0, 0, 0)


class DatasetArchive:
    """A dataset as a flat, stored zip: `0001.jpg`, `0001.txt`, `0002.png`, …, in digest order.

    The bytes are a function of the dataset's digest and of the copies alone, on every host: entries carry one
    fixed time and the attributes of a plain file (one provider refuses others). So a broken upload starts again
    with identical bytes.

    zipstream-ng writes it, for two reasons. It knows the size before the first byte, which a presigned PUT
    demands as Content-Length; and it produces the archive as a stream, so that no temporary file and never a
    whole image is held. Deflating would cost 11 to 24 times the time for at most 0.5 % of size.

    Nothing hashes the archive as a whole: every image is checked, and the rest is made here. Images come from the
    store, never from the folder; `copies` are sent in place of images, by the image's sha256.
    """

    def __init__(
        self,
        manifest: DatasetManifest,
        store: Store,
        copies: Mapping[Sha256, PreparedImage] = MappingProxyType({}),
    ) -> None:
        self._items = in_digest_order(list(manifest.items))
        self._sent = [copies.get(item.sha256, item) for item in self._items]
        self._store = store
        self._digest = digest_of({"dataset": manifest.digest, "sent": [sent.sha256 for sent in self._sent]})
        self.size_bytes = len(_zip_of(self._items, self._sent))
        """Exact size of the archive."""

    def chunks(self) -> Iterator[bytes]:
        """Produce the archive, from its start at every call, in pieces of at most 256 KiB.

        Raises `ObjectNotFound` or `CorruptRecord` where the store lacks an image or holds another one.
        """
        if not self._store.distant:
            yield from self._joined(self._store.open)
            return
        with closing(bounded_map(self._read, self._sent, _AHEAD, _AHEAD)) as contents:

            @contextmanager
            def opener(name: str) -> Iterator[BinaryIO]:
                data = next(contents)
                with self._store.open(name) if data is None else io.BytesIO(data) as file:
                    yield file

            yield from self._joined(opener)

    def url(self) -> str | None:
        """Keep the zip in the store, once, and sign an address for a day; None where the store is a folder."""
        stored = StoredFile(self._store, f"archives/{self._digest}.zip")
        if (url := stored.url()) is None:
            return None
        if self._store.seems_absent(stored.name):
            self._store.write_stream(stored.name, self.chunks())
        if stored.size_bytes != self.size_bytes:
            raise CorruptRecord(f"{self._store.uri_of(stored.name)} is another file; move it away and run again")
        return url

    def _read(self, sent: DatasetItem | PreparedImage) -> bytes | None:
        if sent.size_bytes > _MAX_BYTES_AHEAD:
            return None
        with self._store.open(image_name(sent.sha256)) as file:
            # One byte more shows that an object is too long, of whatever size it is.
            return file.read(sent.size_bytes + 1)

    def _joined(self, opener: Opener) -> Iterator[bytes]:
        both = zip(self._items, self._sent, strict=True)
        images = [_Image(sent, item.file_name, self._store, opener) for item, sent in both]
        waiting = b""
        for piece in _zip_of(self._items, self._sent, images):
            small = len(piece) < _SMALL_BYTES
            if small:
                waiting += piece
            if waiting and (not small or len(waiting) >= _SMALL_BYTES):
                yield waiting
                waiting = b""
            if not small:
                yield piece
        if waiting:
            yield waiting


def archive_size(items: Sequence[DatasetItem]) -> int:
    """Bytes of the archive of these items as they are, before anything is in a store."""
    return len(_zip_of(items, items))


def _zip_of(
    items: Sequence[DatasetItem],
    sent: Sequence[DatasetItem | PreparedImage],
    images: Sequence[Iterable[bytes]] | None = None,
) -> ZipStream:
    """The zip; without contents it knows its size all the same."""
    stream = _ReproducibleZip(sized=True)
    for index, (item, file) in enumerate(zip(items, sent, strict=True)):
        # A pair has one caption for both images.
        name = f"{index + 1:04d}" if item.pair is None else f"{item.pair:02d}_{item.role}"
        caption_name = name if item.pair is None else f"{item.pair:02d}"
        image = images[index] if images else ()
        stream.add(image, f"{name}.{_SUFFIXES[file.format]}", size=file.size_bytes)
        if item.caption is not None:
            caption = item.caption.encode()
            stream.add([caption], f"{caption_name}.txt", size=len(caption))
    return stream


class _Image:
    """The bytes of one image as they lie in the store, and the proof that they are the right ones.

    The zip needs a CRC-32 of every image anyway. Where it is known what it should be, it is the proof, for
    the store is guarded against accidents here and not against forgery; elsewhere the sha256 is computed too.
    """

    def __init__(self, sent: DatasetItem | PreparedImage, file_name: str, store: Store, opener: Opener) -> None:
        self._sent, self._file_name, self._open = sent, file_name, opener
        self._name = image_name(sent.sha256)
        self._uri = store.uri_of(self._name)

    def __iter__(self) -> Iterator[bytes]:
        hasher = hashlib.sha256() if self._sent.crc32 is None else None
        left = self._sent.size_bytes
        try:
            with self._open(self._name) as file:
                while piece := file.read(_READ_BYTES):
                    left -= len(piece)
                    if left < 0:  # never a byte more than was announced to whoever receives it
                        raise self._damaged()
                    if hasher is not None:
                        hasher.update(piece)
                    yield piece
        except ObjectNotFound as error:
            raise ObjectNotFound(
                f"{self._uri}: the image {self._file_name} is missing in the store; "
                "restore it from a backup, or run again from the folder"
            ) from error
        if hasher is not None and hasher.hexdigest() != self._sent.sha256:
            raise self._damaged()

    def check(self, crc32: int) -> None:
        """Compare what was read, before the next entry begins. Raises `CorruptRecord` where it differs."""
        if self._sent.crc32 not in {None, crc32}:
            raise self._damaged()

    def _damaged(self) -> CorruptRecord:
        return CorruptRecord(
            f"{self._uri}: does not have the hash in its name ({self._file_name}); "
            "restore it from a backup, or move it away and run again from the folder"
        )


class _ReproducibleZip(ZipStream):  # type: ignore[misc]
    """A zip whose entries do not show when, where and by whom they were packed.

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
        if isinstance(iterable, _Image):
            iterable.check(entry.CRC)
        self._filelist.append(entry)
