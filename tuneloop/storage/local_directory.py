"""The artifact store in a local directory."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from tuneloop.errors import NotInStore
from tuneloop.storage.drafts import Draft, sync_folder
from tuneloop.storage.fingerprint import Fingerprint
from tuneloop.storage.local_errors import reading, refusals
from tuneloop.storage.names import checked_marker, checked_name, checked_prefix, is_name
from tuneloop.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tuneloop.storage.store import StoredObject


class LocalDirectory(Store):
    """A store in a folder of a POSIX file system with hard links.

    A name cannot be that of an object and the beginning of others (`a` and `a/b`) at once.

    Args:
        folder: Root folder. It must exist when the store is used: made silently, a volume that is not mounted
            would look like an empty ledger, and everything in it would be trained and paid again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self.uri = self._folder.as_uri()

    def create(self, name: str, data: bytes) -> bool:
        """Create a name once, for exactly one content. See `Store.create`."""
        path = self._path(name)
        with Draft(self._folder, name) as draft:
            draft.write(data)
            if draft.publish():
                return True
        # On a network share, a link whose answer was lost is told that the name is taken.
        with refusals(self._folder, name):
            return path.read_bytes() == data

    def read(self, name: str) -> bytes:
        """Read a whole object. See `Store.read`."""
        path = self._path(name)
        with reading(self._folder, name):
            return path.read_bytes()

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open an object for reading. See `Store.open`."""
        path = self._path(name)
        with reading(self._folder, name):
            file = path.open("rb")
        with file:
            yield file

    def size(self, name: str) -> int | None:
        """Size in bytes, or None. See `Store.size`."""
        path = self._path(name)
        try:
            with reading(self._folder, name):
                status = path.stat()
        except NotInStore:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def names(self, prefix: str) -> Iterator[str]:
        """Every name that starts with `prefix`, sorted. See `Store.names`."""
        start = self._folder / checked_prefix(prefix).rpartition("/")[0]
        try:
            with reading(self._folder, prefix):
                status = start.stat()
        except NotInStore:
            return iter(())
        if start != self._folder and not stat.S_ISDIR(status.st_mode):
            return iter(())
        with refusals(self._folder, prefix):
            found = [name for name in self._below(start) if name.startswith(prefix) and is_name(name)]
        return iter(sorted(found))

    def written(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Every name that starts with `prefix`, with its time of writing. See `Store.written`."""
        for name in self.names(prefix):
            with suppress(FileNotFoundError):  # deleted since it was listed
                yield name, datetime.fromtimestamp((self._folder / name).stat().st_mtime, UTC)

    def write_stream(self, name: str, chunks: Iterable[bytes]) -> StoredObject:
        """Write a large object once, from a stream. See `Store.write_stream`."""
        checked_name(name)
        fingerprint = Fingerprint()
        with Draft(self._folder, name) as draft:
            for chunk in fingerprint.watch(chunks):
                draft.write(chunk)
            won = draft.publish()
        return self.stored(name, fingerprint) if won else self.describe(name)

    def delete_marker(self, name: str) -> None:
        """Delete a marker. See `Store.delete_marker`."""
        path = self._folder / checked_marker(name)
        try:
            with reading(self._folder, name):
                path.unlink()
                sync_folder(path.parent)
        except NotInStore:
            return

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
