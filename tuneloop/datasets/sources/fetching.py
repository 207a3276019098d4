"""Files of a source that lists them: all are checked by name and size before the first one is fetched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from threading import Event
from typing import NamedTuple

from tuneloop.datasets.parallel import bounded_map
from tuneloop.datasets.sources import Progress, limits
from tuneloop.datasets.sources.names import check_unique, name_problem
from tuneloop.errors import DatasetError

_FILES_AT_A_TIME = 8


class RemoteFile(NamedTuple):
    """A file as its source lists it."""

    key: str
    """Its full name there."""
    name: str
    """Its name below the folder that is wanted."""
    size_bytes: int
    etag: str = ""
    modified: str = ""


def check_files(
    files: Sequence[RemoteFile], label: str, called: Callable[[RemoteFile], str], most_bytes: int
) -> None:
    """Refuse names that cannot become files of ours, and what is too large. `called` names a file in errors.

    Raises `DatasetError`.
    """
    for one in files:
        problem = name_problem(one.name)
        if problem is None and one.size_bytes > most_bytes:
            problem = f"has {one.size_bytes:,} bytes; the limit for one file is {most_bytes:,}"
        if problem is not None:
            raise DatasetError(f"{called(one)} {problem}")
    check_unique((one.name for one in files), label)
    if sum(one.size_bytes for one in files) > limits.MAX_DATASET_BYTES:
        raise DatasetError(f"{label} holds more than {limits.MAX_DATASET_BYTES:,} bytes; name a smaller folder")


def fetch_all(
    fetch: Callable[[RemoteFile], None],
    files: Sequence[RemoteFile],
    on_progress: Progress | None,
    stop: Event | None = None,
) -> None:
    """Fetch files, some at a time. `stop` is set where nobody waits any more for what is under way."""
    done, total = 0, sum(one.size_bytes for one in files)
    with closing(bounded_map(fetch, files, _FILES_AT_A_TIME, stop=stop)) as fetched:
        for one, _ in zip(files, fetched, strict=True):
            done += one.size_bytes
            if on_progress is not None:
                on_progress(done, total)
