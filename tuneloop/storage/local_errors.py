"""What the operating system's errors mean for a store in a local directory."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuneloop.errors import ObjectNotFound, StoreError, StoreUnavailable

_MAY_PASS = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN})
_LINKS = "Choose a folder on a file system that has hard links."
_SPACE = "Free some space and run again; nothing was stored."
_TWO_USES = "A name cannot be that of an object and the folder of others at once: choose another name."
_REMEDIES = {
    errno.EACCES: "Let the user that runs Tuneloop write there.",
    errno.EPERM: f"Let the user that runs Tuneloop write there. {_LINKS}",
    errno.EROFS: "Mount it for writing or choose another folder.",
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: "Raise the limit on file sizes (ulimit -f) and run again; nothing was stored.",
    errno.EMLINK: _LINKS,
    errno.ENOTSUP: _LINKS,
    # File systems in user space, without a link of their own.
    errno.ENOSYS: _LINKS,
    errno.EXDEV: "Keep the whole folder on one file system.",
    errno.ENAMETOOLONG: "Choose a folder with a shorter path.",
    errno.EEXIST: _TWO_USES,
    errno.ENOTDIR: _TWO_USES,
    errno.EISDIR: _TWO_USES,
}


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
