"""Files that appear whole, under a name nobody else took, or not at all."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Self

from tuneloop.storage.local_errors import refusals

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

DRAFTS = ".tmp"
"""Folder within the store for what is not yet whole. Killed writers leave their drafts there, unread."""


class Draft:
    """A file that is being written, and is gone again after the `with` block unless published.

    A file opened under its final name would stay there empty or cut when its writer is killed.

    Args:
        folder: Root folder of the store; it must exist.
        name: Name within the store that it shall get.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        drafts = folder / DRAFTS
        self._path = drafts / token_hex(16)
        with refusals(folder, name):
            drafts.mkdir(exist_ok=True)
            self._file = self._path.open("xb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with refusals(self._folder, self._name):
            try:
                self._file.close()
            except OSError:
                # Closing flushes, and a full disk fails a second time: the first error says it all.
                if error is None:
                    raise
            finally:
                self._path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        with refusals(self._folder, self._name):
            self._file.write(data)

    def written_at(self) -> datetime:
        """When it was last written, by the file system's clock, which on a network share is its server's."""
        with refusals(self._folder, self._name):
            self._file.flush()
            os.fsync(self._file.fileno())
            return datetime.fromtimestamp(os.fstat(self._file.fileno()).st_mtime, UTC)

    def publish(self) -> bool:
        """Let the file appear under its name, whole and durable.

        Returns:
            False if the name is taken. What has it is durable too after this.
        """
        with refusals(self._folder, self._name):
            self._file.flush()
            os.fsync(self._file.fileno())
            return publish(self._path, self._folder, self._name)


def publish(draft: Path, folder: Path, name: str) -> bool:
    """Let a durable file appear under a name as well. Returns False if the name is taken; see `Draft.publish`."""
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(draft, target)
    except FileExistsError:
        won = False
    else:
        won = True
    # All folders up to the root, whoever made them: another writer may be killed between making one
    # and syncing it. A loser syncs too: the winner may be this run, killed before its own sync.
    for each in target.parents:
        sync_folder(each)
        if each == folder:
            break
    return won


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
