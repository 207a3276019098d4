"""A file outside of the store that appears whole under its name, or not at all."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Self

from tuneloop.errors import ConfigurationError
from tuneloop.storage.drafts import sync_folder

_PART = re.compile(r"\.tuneloop-[0-9a-f]{16}\.part")
_LEFT_BEHIND_S = 24 * 3600
"""Whoever has not written to its file for so long is no more."""


class WholeFile:
    """A file that is being written beside its place, and is gone after the `with` block unless published.

    Opening it proves that the folder can be written, before anything is paid or downloaded for it.

    Args:
        folder: Where it shall appear; it must exist.

    Raises:
        ConfigurationError: The folder is not there, or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f".tuneloop-{token_hex(8)}.part"
        _sweep(folder)
        with _refusals(folder):
            self._file = self._path.open("xb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
        with _refusals(self._folder):
            self._file.write(data)

    def publish(self, target: Path) -> None:
        """Let it appear, whole and durable, in place of whatever has this name."""
        with _refusals(self._folder):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._path.replace(target)
            sync_folder(self._folder)


def _sweep(folder: Path) -> None:
    """Remove what killed processes have left here: nobody sees it, and it may be as large as a model."""
    for path in folder.glob(".tuneloop-*.part"):
        with suppress(OSError):  # somebody else clears up, or it is somebody else's
            if _PART.fullmatch(path.name) and time.time() - path.stat().st_mtime > _LEFT_BEHIND_S:
                path.unlink()


@contextmanager
def _refusals(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be written ({error.strerror}); nothing is left there, name another place"
        ) from None
