"""Uploaded archives and weights: files in a folder, each with a row that says what it is."""

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.state import State

PREFIX = "/s3/"
"""Where objects lie under the emulator's own address: `/s3/<bucket>/<key>`."""
_TABLE = """CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY, url TEXT, size INTEGER, etag TEXT, public INTEGER, changed REAL)"""

_MAX_NAME = 255
"""Bytes, on every usual file system; keys on S3 may have 1024."""
_MAX_SUFFIX = 20


@dataclass(frozen=True)
class StoredObject:
    """One object that is there."""

    key: str
    size: int
    """Bytes."""
    etag: str
    """With its quotes."""
    public: bool
    """Readable without a signature."""
    changed: float
    """Epoch seconds."""


class IncomingFile:
    """A file on its way in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Append some bytes."""
        self._file.write(chunk)
        self.md5.update(chunk)
        self.size += len(chunk)

    def place(self, target: Path) -> None:
        """Give the complete file its name, over an earlier one."""
        self._file.close()
        target.parent.mkdir(parents=True, exist_ok=True)
        self._path.replace(target)

    def drop(self) -> None:
        """Forget the bytes: the sender went away."""
        self._file.close()
        self._path.unlink()


class Objects:
    """An object store of one folder; a key is `<bucket>/<path>`."""

    def __init__(self, state: State, clock: Clock, folder: Path) -> None:
        self._state = state
        self._clock = clock
        self._folder = folder
        state.create(_TABLE)

    def path(self, key: str) -> Path:
        """Return the file of an object; parts of a key that are too long for a file name are shortened."""
        return self._folder.joinpath(*map(_file_name, key.split("/")))

    def reserve(self, key: str, url: str) -> None:
        """Announce an upload: `url` is one of ours from now on, though nothing is there yet."""
        self._state.execute("INSERT INTO objects (key, url) VALUES (?, ?)", key, url)

    def key_of(self, url: str) -> str | None:
        """Return the key of a URL that was announced, None for a foreign one."""
        rows = self._state.query("SELECT key FROM objects WHERE url = ?", url)
        return str(rows[0]["key"]) if rows else None

    def find(self, key: str) -> StoredObject | None:
        """Return an object, None if it is not there (announced alone does not count)."""
        rows = self._state.query("SELECT * FROM objects WHERE key = ? AND size IS NOT NULL", key)
        return next(
            (StoredObject(r["key"], r["size"], r["etag"], bool(r["public"]), r["changed"]) for r in rows), None
        )

    def begin(self) -> IncomingFile:
        """Open a file for bytes that are still coming; nothing shows before `keep`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return IncomingFile(self._folder / f"incoming-{uuid.uuid4().hex}")

    def keep(self, incoming: IncomingFile, key: str) -> StoredObject:
        """Put a complete upload in place, under its MD5 as ETag like a plain PUT on S3."""
        incoming.place(self.path(key))
        etag = f'"{incoming.md5.hexdigest()}"'
        return self._record(StoredObject(key, incoming.size, etag, True, self._clock.now()))

    def produce(self, key: str, chunks: Iterable[bytes | memoryview], etag: str) -> StoredObject:
        """Return a private object of ours, writing it first where it is not there yet."""
        found = self.find(key)
        if found is not None:
            return found
        # Two who ask at once both write; either file is right, and each appears whole.
        unfinished = self._folder / f"incoming-{uuid.uuid4().hex}"
        with unfinished.open("wb") as file:
            file.writelines(chunks)
        size = unfinished.stat().st_size
        target = self.path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.replace(target)
        return self._record(StoredObject(key, size, etag, False, self._clock.now()))

    def _record(self, stored: StoredObject) -> StoredObject:
        self._state.execute(
            "INSERT INTO objects (key, size, etag, public, changed) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET size = excluded.size, etag = excluded.etag,"
            " public = excluded.public, changed = excluded.changed",
            *(stored.key, stored.size, stored.etag, stored.public, stored.changed),
        )
        return stored


def _file_name(part: str) -> str:
    if len(part.encode()) <= _MAX_NAME:
        return part
    return f"{hashlib.sha256(part.encode()).hexdigest()}{Path(part).suffix[:_MAX_SUFFIX]}"
