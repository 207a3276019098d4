"""Uploaded archives and weights: files in a folder, each with a row that says what it is."""

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tuneloop.emulator.clock import Clock
from tuneloop.emulator.state import State, Table

PREFIX = "/s3/"
"""Where objects lie under the emulator's own address: `/s3/<bucket>/<key>`."""
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
    ours: bool = False
    """Written by the emulator itself, and not uploaded."""


@dataclass(frozen=True)
class Announced:
    """An upload that a client may make."""

    key: str
    url: str


class IncomingFile:
    """A file on its way in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.size = 0

    def write(self, chunk: bytes | memoryview) -> None:
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
        self._objects = Table(state, StoredObject)
        self._announced = Table(state, Announced)

    def path(self, key: str) -> Path:
        """Return the file of an object; parts of a key that are too long for a file name are shortened."""
        return self._folder.joinpath(*map(_file_name, key.split("/")))

    def reserve(self, key: str, url: str) -> None:
        """Announce an upload: `url` is one of ours from now on, though nothing is there yet."""
        self._announced.add(url, Announced(key, url))

    def key_of(self, url: str) -> str | None:
        """Return the key of a URL that was announced, None for a foreign one."""
        found = self._announced.find(url)
        return found.key if found else None

    def find(self, key: str) -> StoredObject | None:
        return self._objects.find(key)

    def begin(self) -> IncomingFile:
        """Open a file for bytes that are still coming; nothing shows before `keep`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return IncomingFile(self._folder / f"incoming-{uuid.uuid4().hex}")

    def keep(self, incoming: IncomingFile, key: str, etag: str | None = None) -> StoredObject:
        """Put a complete file in place; without an ETag, as a public one under its MD5, like a plain PUT on S3."""
        incoming.place(self.path(key))
        md5 = f'"{incoming.md5.hexdigest()}"'
        return self._record(incoming, key, etag or md5, public=etag is None, ours=False)

    def produce(self, key: str, chunks: Iterable[bytes | memoryview], etag: str, *, public: bool = False) -> None:
        """Write an object of ours, where it is not there yet."""
        if self.find(key) is None:
            # Two who ask at once both write; either file is right, and each appears whole.
            incoming = self.begin()
            for chunk in chunks:
                incoming.write(chunk)
            incoming.place(self.path(key))
            self._record(incoming, key, etag, public=public, ours=True)

    def _record(self, file: IncomingFile, key: str, etag: str, *, public: bool, ours: bool) -> StoredObject:
        stored = StoredObject(key, file.size, etag, public, self._clock.now(), ours)
        with self._state.transaction():
            if self._objects.change(key, **asdict(stored)) is None:
                self._objects.add(key, stored)
        return stored


def _file_name(part: str) -> str:
    if len(part.encode()) <= _MAX_NAME:
        return part
    return f"{hashlib.sha256(part.encode()).hexdigest()}{Path(part).suffix[:_MAX_SUFFIX]}"
