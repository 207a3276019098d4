"""Links in a folder: which of them lead to a file that can be part of a dataset.

`hf download`, DVC and git-annex make folders of links to files that are named by their content. A folder from a
stranger may hold links as well, to a key or a password file: its text would be sent to the provider as a caption.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from pathlib import Path, PurePosixPath

from tuneloop.schemas.findings import Finding, error

_FETCHED_BY = {
    "annex": "fetch it with git annex get",
    "blobs": "download the dataset again (hf download)",
    "cache": "fetch it with dvc pull, or put a copy in its place",
}
"""By a folder on the way to the file: git-annex has `.git/annex/objects`, the Hugging Face cache `blobs`."""
_OF_THE_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/run", "/var/run", "/boot")
_BY_CONTENT = re.compile(r"[0-9a-f]{30,128}|[A-Z0-9_]+(-[A-Za-z][0-9]+)*--.+")
"""Names that the Hugging Face cache and DVC (a hash) and git-annex (backend, size and hash) give to files."""
_TEXTS = frozenset({".txt", ".caption", ".jsonl", ".csv"})


def link_problem(link: Path, name: str, root: Path) -> Finding | None:
    """Say why a link is not followed, None if it is."""
    copy = "put a copy in its place"
    try:
        target = link.resolve(strict=True)
        foreign = None if target.is_relative_to(root) or target.is_dir() else _foreign(link, target, root)
    except (OSError, RuntimeError) as caught:
        number = caught.errno if isinstance(caught, OSError) else errno.ELOOP
        why = os.strerror(number or errno.EIO)
        return error("broken-link", name, f"is a link that cannot be read ({why})", _how_to_fetch(link))
    if foreign is not None:
        return error("link-outside", name, foreign, f"{copy} if it belongs to the dataset")
    if not target.is_dir():
        return None
    if target.is_relative_to(root):
        reason, remedy = "is a link to a folder, whose images would count twice", "remove it"
    else:
        reason, remedy = "is a link to a folder elsewhere, which is not followed", copy
    return error("link-to-folder", name, reason, remedy)


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
    with suppress(OSError):
        target = link.readlink().parts
        return next((how for part, how in _FETCHED_BY.items() if part in target), "put a copy in its place")
    return "put a copy in its place"
