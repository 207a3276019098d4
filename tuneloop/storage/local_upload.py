"""An upload in parts into a local directory: a draft that outlives its writer, and a journal of its parts.

Each line of the journal is the sha256 of the draft from its start to the end of one part. A writer that resumes
reads the draft and trusts as much of it as the journal proves: after a power cut, a file may have its length and
not its bytes.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from tuneloop.clock import now
from tuneloop.errors import StoreError
from tuneloop.storage.local_files import link, os_errors
from tuneloop.storage.upload import Chunk, Digest, Part, Upload, UploadGone

DRAFTS = ".tmp"
"""Folder within the store for what is not yet whole. Killed writers leave their drafts there, unread."""
_JOURNAL = ".parts"
_DRAFT = re.compile(rf"([0-9a-f]{{32}})(?:{re.escape(_JOURNAL)})?")
_LINE_BYTES = 65
"""64 hex digits and the end of the line."""
_READ_BYTES = 1 << 20


def new_id() -> str:
    """The id of a new upload: the name of its draft."""
    return token_hex(16)


class LocalUpload(Upload):
    """The draft of one upload, locked while it is open.

    Where another living process has it, this one writes a draft of its own, which cannot be resumed. Raises
    `UploadGone` where the draft was published by a process that died before it could delete it.
    """

    def __init__(self, folder: Path, name: str, upload_id: str, parts: Sequence[Part]) -> None:
        super().__init__(parts)
        self._folder, self._name = folder, name
        self._done: dict[int, int] = {}
        with os_errors(folder, name), ExitStack() as opened:
            (folder / DRAFTS).mkdir(exist_ok=True)
            journal = _locked(folder / DRAFTS / f"{upload_id}{_JOURNAL}")
            self._is_shared = journal is not None
            if journal is None:
                upload_id = new_id()
                journal = (folder / DRAFTS / f"{upload_id}{_JOURNAL}").open("x+b")
            self._journal = opened.enter_context(journal)
            self._path = folder / DRAFTS / upload_id
            self._draft = opened.enter_context(
                os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
            )
            if os.fstat(self._draft.fileno()).st_nlink > 1:
                # Its bytes are an object of the store by now: never write to it again.
                self._forget()
                raise UploadGone(f"{folder.as_uri()}/{name} was published already.")
            self._trust()
            self._opened = opened.pop_all()

    def done(self) -> dict[int, int]:
        return dict(self._done)

    def complete(self) -> bool:
        if self.done() != {part.number: part.size for part in self._parts}:
            raise StoreError(f"{self._folder.as_uri()}/{self._name} lacks parts; nothing was stored. Run again.")
        with os_errors(self._folder, self._name):
            os.fsync(self._draft.fileno())
            won = link(self._path, self._folder, self._name)
            self._forget()
        return won

    def close(self) -> None:
        with os_errors(self._folder, self._name), self._opened:
            if not self._is_shared:
                self._forget()

    def put(self, part: Part, chunks: Iterable[Chunk]) -> None:
        super().put(part, chunks)
        with os_errors(self._folder, self._name):
            self._journal.write(f"{self.digest.sha256}\n".encode())
            self._journal.flush()
        self._done[part.number] = part.size

    def _write(self, part: Part, chunks: Iterable[Chunk]) -> None:
        self._draft.seek(part.start)
        for chunk in chunks:
            with os_errors(self._folder, self._name):
                self._draft.write(chunk)
        with os_errors(self._folder, self._name):
            self._draft.flush()

    def _trust(self) -> None:
        """Read the draft, and cut off what the journal does not prove."""
        for part in self._parts:
            seen = self.digest.copy()
            _read(self._draft, part.size, seen)
            if self._journal.read(_LINE_BYTES) != f"{seen.sha256}\n".encode():
                break
            self.digest = seen
            self._done[part.number] = part.size
        self._draft.truncate(self.digest.size_bytes)
        self._journal.truncate(len(self._done) * _LINE_BYTES)
        self._journal.seek(0, os.SEEK_END)

    def _forget(self) -> None:
        # The journal last: while it is there, so is its lock.
        self._path.unlink(missing_ok=True)
        self._path.with_name(self._path.name + _JOURNAL).unlink(missing_ok=True)


def drop(folder: Path, upload_id: str) -> bool:
    """Delete a draft with its journal. Returns False where a living process has it."""
    journal = folder / DRAFTS / f"{upload_id}{_JOURNAL}"
    if not (folder / DRAFTS).exists():
        return True
    lock = _locked(journal)
    if lock is None:
        return False
    with lock:
        (folder / DRAFTS / upload_id).unlink(missing_ok=True)
        journal.unlink(missing_ok=True)
    return True


def sweep(folder: Path, older_than: timedelta) -> int:
    """Delete every draft that was not written for so long. Returns how many."""
    before = (now() - older_than).timestamp()
    written: dict[str, float] = {}
    for path in (folder / DRAFTS).glob("*"):
        if match := _DRAFT.fullmatch(path.name):
            with suppress(FileNotFoundError):  # a writer has just finished with it
                written[match[1]] = max(path.stat().st_mtime, written.get(match[1], 0.0))
    return sum(drop(folder, upload_id) for upload_id, at in written.items() if at < before)


def _read(file: BinaryIO, size: int, seen: Digest) -> None:
    while size > 0 and (chunk := file.read(min(size, _READ_BYTES))):
        seen.update(chunk)
        size -= len(chunk)


def _locked(path: Path) -> BinaryIO | None:
    """Open and lock a file, making it where it is not there; None where another process has it."""
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Locked, or on a share that has no locks: nothing there can be resumed.
            file.close()
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        # Its last owner deleted it between the two calls: this lock is on nothing.
        file.close()
