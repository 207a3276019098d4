"""Files in local folders that appear whole under their name, or not at all; and what the system's errors mean."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from tuneloop.errors import ConfigurationError, ObjectNotFound, StoreError, StoreUnavailable

_PART = re.compile(r"\.tuneloop-[0-9a-f]{16}\.part")
_ABANDONED_S = 24 * 3600
"""A writer that has not written to its file for so long is gone."""
_MAY_PASS = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN})
_LINKS = "Choose a folder on a file system that has hard links."
_TWO_USES = "A name cannot be both an object and a folder: choose another name."
_REMEDIES = {
    errno.EACCES: "Let the user that runs Tuneloop write there.",
    errno.EPERM: f"Let the user that runs Tuneloop write there. {_LINKS}",
    errno.EROFS: "Mount it for writing or choose another folder.",
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "Free some space and run again; nothing was stored."),
    errno.EFBIG: "Raise the limit on file sizes (ulimit -f) and run again; nothing was stored.",
    # ENOSYS comes from file systems in user space, without a link of their own.
    **dict.fromkeys((errno.EMLINK, errno.ENOTSUP, errno.ENOSYS), _LINKS),
    errno.EXDEV: "Keep the whole folder on one file system.",
    errno.ENAMETOOLONG: "Choose a folder with a shorter path.",
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR, errno.EISDIR), _TWO_USES),
}


class AtomicFile(AbstractContextManager["AtomicFile"]):
    """A file that is written under a temporary name, and is gone after the `with` block unless published.

    A file opened under its final name would stay there empty or cut when its writer is killed. `errors` maps the
    operating system's errors.
    """

    def __init__(self, path: Path, errors: Callable[[], AbstractContextManager[None]]) -> None:
        self._path = path
        self._errors = errors
        with errors():
            self._file = path.open("xb")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with self._errors():
            try:
                self._file.close()
            except OSError:
                # Closing flushes, and a full disk fails a second time: the first error says it all.
                if error is None:
                    raise
            finally:
                self._path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        with self._errors():
            self._file.write(data)

    def sync(self) -> os.stat_result:
        """Make what was written durable. Its time is the file system's, on a network share its server's."""
        with self._errors():
            self._file.flush()
            os.fsync(self._file.fileno())
            return os.fstat(self._file.fileno())

    def publish(self, target: Path) -> None:
        """Let it appear, durable, in place of what has this name."""
        self.sync()
        with self._errors():
            self._path.replace(target)
            sync_folder(target.absolute().parent)

    def publish_once(self, root: Path, name: str) -> bool:
        """Let it appear under a name below a folder, durable. Returns False if the name is taken."""
        self.sync()
        with self._errors():
            return link(self._path, root, name)


def link(path: Path, root: Path, name: str) -> bool:
    """Let a durable file appear under a name as well. Returns False if the name is taken.

    What has the name is durable too after this.
    """
    target = root / name
    target.parent.mkdir(parents=True, exist_ok=True)
    won = False
    with suppress(FileExistsError):
        os.link(path, target)
        won = True
    # All folders up to the root, whoever made them: another writer may be killed between making one
    # and syncing it. A loser syncs too: the winner may be this run, killed before its own sync.
    for each in target.parents:
        sync_folder(each)
        if each == root:
            break
    return won


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def output_file(folder: Path) -> AtomicFile:
    """A file outside of the store. Opening it proves that the folder can be written, before anything is paid.

    Raises `ConfigurationError` where the folder is not there, or cannot be written.
    """

    @contextmanager
    def errors() -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigurationError(
                f"{folder} cannot be written ({error.strerror}); nothing is left there, name another place"
            ) from None

    for path in folder.glob(".tuneloop-*.part"):  # of killed processes; it may be as large as a model
        with suppress(OSError):  # another process clears up, or it is another user's
            if _PART.fullmatch(path.name) and time.time() - path.stat().st_mtime > _ABANDONED_S:
                path.unlink()
    return AtomicFile(folder / f".tuneloop-{token_hex(8)}.part", errors)


@contextmanager
def os_errors(folder: Path, name: str) -> Iterator[None]:
    """Turn errors of the operating system about a name in a store's folder into the stores' own.

    Nothing but file operations may stand inside: errors of `requests` are `OSError`s too.
    """
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        raise _meaning(error, folder, name) from error


@contextmanager
def reading(folder: Path, name: str) -> Iterator[None]:
    """As `os_errors`, for reading: nothing there is `ObjectNotFound`, unless the whole store is not there."""
    with os_errors(folder, name):
        try:
            yield
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            if not os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises where a parent may not be entered
                raise
            raise ObjectNotFound(f"{folder.as_uri()}/{name} does not exist.") from error


def _meaning(error: OSError, folder: Path, name: str) -> StoreError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    thing = f"{folder.as_uri()}/{name}"
    if error.errno in _MAY_PASS:
        return StoreUnavailable(f"{thing}: {reason}. Check the disk or the network share, then run again.")
    missing = isinstance(error, FileNotFoundError | NotADirectoryError)
    if missing and not os.path.isdir(folder):  # noqa: PTH112 - as above
        return StoreError(
            f"The folder {folder} of the artifact store cannot be used: {reason}. Mount it, or make it for a "
            f"new store: mkdir -p '{folder}'"
        )
    remedy = _REMEDIES.get(error.errno or 0, "Check the folder, then run again.")
    return StoreError(f"{thing} cannot be used: {reason}. {remedy}")
