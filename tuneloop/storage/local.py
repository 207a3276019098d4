"""The artifact store in a local directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NoReturn

from tuneloop.clock import now, offset_s
from tuneloop.errors import ObjectNotFound
from tuneloop.storage.base import Store, checked_marker, checked_name, checked_page, checked_prefix, is_name
from tuneloop.storage.local_files import AtomicFile, os_errors, reading, sync_folder
from tuneloop.storage.local_upload import DRAFTS, LocalUpload, drop, new_id, sweep
from tuneloop.storage.upload import PART_SIZE, Part


class LocalDirectory(Store):
    """A store in a folder of a POSIX file system with hard links.

    A name cannot be that of an object and the beginning of others (`a` and `a/b`) at once.

    Args:
        folder: Root folder. It must exist when the store is used: made silently, a volume that is not mounted
            would look like an empty ledger, and everything in it would be trained and paid again.
        part_size: Bytes per part of a large upload: at most so much is fetched again after a kill.
    """

    def __init__(self, folder: Path, *, part_size: int = PART_SIZE) -> None:
        self._folder = folder.absolute()
        self.part_size = part_size
        self.uri = self._folder.as_uri()

    @property
    def folder(self) -> Path:
        """Its root folder, as an absolute path."""
        return self._folder

    def create(self, name: str, data: bytes) -> bool:
        path = self._path(name)
        with self._draft(name) as draft:
            draft.write(data)
            if draft.publish_once(self._folder, name):
                return True
        # On a network share, a link whose response was lost is rejected because the name is taken.
        with os_errors(self._folder, name):
            return path.read_bytes() == data

    def rewrite(self, name: str, data: bytes) -> None:
        path = self._path(checked_page(name))
        with self._draft(name) as draft:
            draft.write(data)
            with os_errors(self._folder, name):
                path.parent.mkdir(parents=True, exist_ok=True)
            draft.publish(path)

    def read(self, name: str) -> bytes:
        path = self._path(name)
        with reading(self._folder, name):
            return path.read_bytes()

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        path = self._path(name)
        with reading(self._folder, name):
            file = path.open("rb")
        with file:
            yield file

    def size(self, name: str) -> int | None:
        path = self._path(name)
        try:
            with reading(self._folder, name):
                status = path.stat()
        except ObjectNotFound:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def names(self, prefix: str) -> Iterator[str]:
        start = self._folder / checked_prefix(prefix).rpartition("/")[0]
        try:
            with reading(self._folder, prefix):
                status = start.stat()
        except ObjectNotFound:
            return iter(())
        if start != self._folder and not stat.S_ISDIR(status.st_mode):
            return iter(())
        with os_errors(self._folder, prefix):
            found = [name for name in self._below(start) if name.startswith(prefix) and is_name(name)]
        return iter(sorted(found))

    def written(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        for name in self.names(prefix):
            try:
                with reading(self._folder, name):
                    written = (self._folder / name).stat().st_mtime
            except ObjectNotFound:  # deleted since it was listed
                continue
            yield name, datetime.fromtimestamp(written, UTC)

    def begin_upload(self, name: str) -> str:
        checked_name(name)
        return new_id()

    def open_upload(self, name: str, upload: str, parts: Sequence[Part]) -> LocalUpload:
        return LocalUpload(self._folder, checked_name(name), upload, parts)

    def drop_upload(self, name: str, upload: str) -> None:
        with os_errors(self._folder, name):
            drop(self._folder, upload)

    def sweep(self, prefix: str, older_than: timedelta) -> int:
        """Delete the drafts that nobody writes. See `Store.sweep`; a draft does not tell its name."""
        with os_errors(self._folder, prefix):
            return sweep(self._folder, older_than)

    def delete_marker(self, name: str) -> None:
        path = self._folder / checked_marker(name)
        with suppress(ObjectNotFound), reading(self._folder, name):
            path.unlink()
            sync_folder(path.parent)

    def read_with_clock(self, name: str) -> tuple[bytes, float]:
        data, before = self.read(name), now()
        with self._draft("clock") as draft:
            draft.write(b"what time is it?")
            return data, offset_s(datetime.fromtimestamp(draft.sync().st_mtime, UTC), before)

    def _draft(self, name: str) -> AtomicFile:
        with os_errors(self._folder, name):
            (self._folder / DRAFTS).mkdir(exist_ok=True)
        return AtomicFile(self._folder / DRAFTS / new_id(), lambda: os_errors(self._folder, name))

    def _path(self, name: str) -> Path:
        return self._folder / checked_name(name)

    def _below(self, start: Path) -> Iterator[str]:
        for folder, folders, files in os.walk(start, onerror=_raise):
            # Not ours, and perhaps closed to us: drafts, or `lost+found` at the root of a volume.
            folders[:] = [each for each in folders if is_name(each)]
            inside = Path(folder).relative_to(self._folder)
            yield from ((inside / file).as_posix() for file in files)


def _raise(error: OSError) -> NoReturn:
    # os.walk passes over folders it cannot read; a list with holes would look like records that do not exist.
    raise error
