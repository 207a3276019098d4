"""What others would pack with."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import requests
from zipstream import ZipStream  # type: ignore[import-untyped]


def with_zipfile(files: str, target: str) -> Callable[[], None]:
    """The standard library, without deflating."""

    def work() -> None:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(Path(files).iterdir()):
                archive.write(path, path.name)

    return work


def with_zipstream(files: str, target: str) -> Callable[[], None]:
    """zipstream-ng from files, as its README shows it."""

    def work() -> None:
        stream = ZipStream.from_path(files)
        with Path(target).open("wb") as archive:
            archive.writelines(stream)

    return work


def zip_then_put(files: str, target: str, url: str) -> Callable[[], None]:
    """A temporary zip, and then its upload."""
    pack = with_zipfile(files, target)

    def work() -> None:
        pack()
        with Path(target).open("rb") as archive:
            requests.put(url, data=archive, timeout=600).raise_for_status()

    return work
