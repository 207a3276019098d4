"""Every file in a folder and its subfolders, by name, without opening any: what systems left there is passed over.

Bins matter most: the images in them were thrown away, and can be opened all the same.

`hf download`, DVC and git-annex make folders of links to files that are named by their content: those are
followed. A folder from a stranger may hold links as well, to a key or a password file: its text would be sent to
the provider as a caption.
"""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tuneloop.errors import DatasetError
from tuneloop.schemas.findings import Finding, error

_SYSTEM_NAMES = frozenset({
    # macOS. The icon of a folder has a carriage return at the end of its name.
    "__macosx", "icon\r", "network trash folder", "temporary items", "thefindbycontentfolder",
    "thevolumesettingsfolder",
    # Windows, Android, file systems and editors.
    "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "system volume information", "recycler",
    "recycled", "found.000", "lost.dir", "lost+found", "__pycache__",
    # Synology, QNAP, Asustor, NetApp and others.
    "@eadir", "@tmp", "@sharebin", "#snapshot", "@recently-snapshot", "@__thumb", "@__qini", "@transcode",
    "~snapshot", "trashbox", "network recycle bin", "_nas_recycle_raid",
    # Nextcloud.
    "files_trashbin", "files_versions",
})  # fmt: skip
_BIN = re.compile(r"[$#@_~]+(recycle|trash)([ ._-]?bin)?|(recycle|trash)[ ._-]?bin( - .+)?", re.IGNORECASE)
"""Bins: `$RECYCLE.BIN`, `#recycle`, `@Recycle`, `Recycle Bin - Volume_1`. A plain `trash` may be a subject."""
_MARK_OF_DOWNLOADS = ":zone.identifier"
"""What Windows writes beside a download; on other systems it becomes a file of its own."""
_ELSEWHERE = re.compile(
    r"\.(?P<icloud>.+)\.icloud|(?P<other>.+)\.(?:nextcloud|owncloud|crdownload|part|partial|filepart|opdownload)",
    re.IGNORECASE | re.DOTALL,
)
_FETCHED_BY = {
    "annex": "fetch it with git annex get",
    "blobs": "download the dataset again (hf download)",
    "cache": "fetch it with dvc pull, or put a copy in its place",
}
"""By a folder on the way to the file: git-annex has `.git/annex/objects`, the Hugging Face cache `blobs`."""
_COPY = "put a copy in its place"
_OF_THE_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/run", "/var/run", "/boot")
_BY_CONTENT = re.compile(r"[0-9a-f]{30,128}|[A-Z0-9_]+(-[A-Za-z][0-9]+)*--.+")
"""Names that the Hugging Face cache and DVC (a hash) and git-annex (backend, size and hash) give to files."""
_TEXTS = frozenset({".txt", ".caption", ".jsonl", ".csv"})


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

    Raises `DatasetError` where there is no such folder, or it cannot be listed.
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


def is_system_file(name: str) -> bool:
    """Tell what a system put there, and what is hidden, from what a person put there."""
    hidden = name.startswith(".") and name not in {".", ".."}
    return (
        (hidden and awaited_file(name) is None)
        or name.lower() in _SYSTEM_NAMES
        or _BIN.fullmatch(name) is not None
        or name.lower().endswith(_MARK_OF_DOWNLOADS)
    )


def awaited_file(name: str) -> str | None:
    """Name the file that a placeholder stands for, or a download that is under way; None where it is neither.

    iCloud, Nextcloud and ownCloud leave placeholders where a file's bytes are on their servers only.
    """
    found = _ELSEWHERE.fullmatch(name)
    return (found["icloud"] or found["other"]) if found else None


def link_problem(link: Path, name: str, root: Path) -> Finding | None:
    """Say why a link is not followed, None if it is."""
    try:
        target = link.resolve(strict=True)
        foreign = None if target.is_relative_to(root) or target.is_dir() else _foreign(link, target, root)
    except (OSError, RuntimeError) as caught:
        number = caught.errno if isinstance(caught, OSError) else errno.ELOOP
        why = os.strerror(number or errno.EIO)
        return error("broken-link", name, f"is a link that cannot be read ({why})", _how_to_fetch(link))
    if foreign is not None:
        return error("link-outside", name, foreign, f"{_COPY} if it belongs to the dataset")
    if not target.is_dir():
        return None
    if target.is_relative_to(root):
        reason, remedy = "is a link to a folder, whose images would count twice", "remove it"
    else:
        reason, remedy = "is a link to a folder elsewhere, which is not followed", _COPY
    return error("link-to-folder", name, reason, remedy)


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


def _foreign(link: Path, target: Path, root: Path) -> str | None:
    """Say why a file outside of the folder is nothing that a dataset's owner would have meant."""
    # On macOS some of these places are links themselves.
    system = next((place for place in _OF_THE_SYSTEM if target.is_relative_to(Path(place).resolve())), None)
    if system is not None and not root.is_relative_to(Path(system).resolve()):
        return f"is a link into {system}, which holds files of the system"
    if _BY_CONTENT.fullmatch(target.name):
        return None
    if target.stat().st_uid != link.lstat().st_uid:
        return "is a link to a file of another user"
    beyond = target.relative_to(os.path.commonpath([target, root]))
    if any(part.startswith(".") for part in beyond.parts):
        return "is a link to a hidden file, or into a hidden folder"
    suffix = PurePosixPath(link.name).suffix.lower()
    if suffix in _TEXTS and target.suffix.lower() != suffix:
        return f"is a link to a file that is no {suffix} file"
    return None


def _how_to_fetch(link: Path) -> str:
    target: tuple[str, ...] = ()
    with suppress(OSError):
        target = link.readlink().parts
    return next((how for part, how in _FETCHED_BY.items() if part in target), _COPY)
