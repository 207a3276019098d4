"""Every file in a folder and its subfolders, by name, without opening any."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tuneloop.datasets.links import link_problem
from tuneloop.datasets.system_files import is_system_file
from tuneloop.errors import DatasetError
from tuneloop.schemas.findings import Finding, error


class FileEntry(NamedTuple):
    """One file."""

    path: Path
    name: str
    """Its path within the folder, with `/` between the parts."""
    owner: str = ""
    """In a `Listing`, whose caption it is or takes: its name without the suffix; of halves, that of their pair."""

    @property
    def folder(self) -> str:
        """The subfolder that it is in; empty for the folder itself."""
        return self.name.rpartition("/")[0]

    @property
    def stem(self) -> str:
        """Its name without subfolder and suffix."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """Its suffix in small letters, with the dot."""
        return PurePosixPath(self.name).suffix.lower()


class Walk(NamedTuple):
    """What a folder holds."""

    root: Path
    files: list[FileEntry]
    """Regular files, and links to some, by name."""
    ignored: list[str]
    """Hidden files and folders, and what systems leave behind."""
    rejected: list[FileEntry]
    """What is there by name but cannot be used; each has a finding."""
    findings: list[Finding]


def walk(folder: Path) -> Walk:
    """Look for files in a folder and its subfolders. Links to folders are never followed.

    Raises:
        DatasetError: There is no such folder, or it cannot be listed.
    """
    found = Walk(_root_of(folder), [], [], [], [])
    waiting = [""]
    while waiting:
        waiting += _list_one(found, waiting.pop())
    for part in (found.files, found.rejected):
        part.sort(key=lambda file: file.name)
    found.ignored.sort()
    found.findings.sort(key=lambda finding: finding.file or "")
    return found


def nfc(name: str) -> str:
    """A name with each accent in its letter: macOS takes them apart, so that equal names differ in their bytes."""
    return unicodedata.normalize("NFC", name)


def _root_of(folder: Path) -> Path:
    try:
        root = folder.resolve(strict=True)
        with os.scandir(root):
            return root
    except FileNotFoundError as caught:
        raise DatasetError(f"{folder}: there is no such folder; check the path") from caught
    except NotADirectoryError as caught:
        raise DatasetError(f"{folder}: is not a folder; name the folder that holds the images") from caught
    except (OSError, RuntimeError) as caught:
        raise DatasetError(f"{folder}: cannot be listed ({caught}); make the folder readable") from caught


def _list_one(found: Walk, inner: str) -> list[str]:
    folders = []
    try:
        with os.scandir(found.root / inner) as listed:
            entries = list(listed)
    except OSError as caught:
        reason = f"cannot be listed ({caught.strerror})"
        found.findings.append(error("unreadable", _spelled(inner), reason, "make it readable or remove it"))
        return []
    for entry in entries:
        name = f"{inner}/{entry.name}" if inner else entry.name
        # It once broke a training (kohya-trainer#300).
        if is_system_file(entry.name):
            found.ignored.append(_spelled(name))
        elif entry.is_dir(follow_symlinks=False):
            folders.append(name)
        else:
            _take(found, FileEntry(Path(entry.path), _spelled(name)), entry, is_text=name == _spelled(name))
    return folders


def _take(found: Walk, file: FileEntry, entry: os.DirEntry[str], *, is_text: bool) -> None:
    finding = link_problem(file.path, file.name, found.root) if entry.is_symlink() else None
    if finding is None and not entry.is_file():
        finding = error("special-file", file.name, "is not a regular file", "remove it")
    if not is_text:
        finding = error("name", file.name, "has a name that is not UTF-8", "rename it")
    if finding is None:
        found.files.append(file)
    else:
        found.rejected.append(file)
        found.findings.append(finding)


def _spelled(name: str) -> str:
    """A name that can be written down: file systems allow bytes that are no text."""
    return name.encode("utf-8", "backslashreplace").decode()
