"""Names of files as strangers wrote them, and which of them may become files of ours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from tuneloop.datasets.files import is_system_file
from tuneloop.errors import DatasetError

_LONGEST_PART_BYTES = 255
"""Longest file name of the usual file systems."""
_LONGEST_NAME_BYTES = 1024
"""As long as keys on S3; with the temporary folder in front it stays below what systems take for a path."""
_DRIVE = re.compile(r"[A-Za-z]:")


def is_system_path(name: str) -> bool:
    """Tell what operating systems put into folders, and what is hidden, from what a person put there.

    Such a file is passed over: it is never written, so its name cannot do harm.
    """
    parts = name.split("/")
    return not any(part.startswith("..") for part in parts) and any(map(is_system_file, parts))


def name_problem(name: str) -> str | None:
    """Say why a relative name cannot become a file below a folder, None if it can. Returns reason and remedy."""
    parts = name.split("/")
    longest = max(len(part.encode(errors="replace")) for part in parts)
    is_absolute = name.startswith("/") or _DRIVE.match(name) is not None
    has_controls = any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in name)
    is_long = longest > _LONGEST_PART_BYTES or len(name.encode(errors="replace")) > _LONGEST_NAME_BYTES
    problems = (
        (is_absolute, "is an absolute name; use names that start below the folder"),
        (".." in parts, "leads out of the folder; take the .. out of the name"),
        ("\\" in name, "has a backslash in its name; rename it, or zip it with a program that writes /"),
        (has_controls, "has control characters in its name; rename it"),
        ("" in parts or "." in parts, "has an empty part or a . between slashes; rename it"),
        (is_long, f"has too long a name; the most is {_LONGEST_PART_BYTES} bytes between slashes"),
    )
    return next((reason for found, reason in problems if found), None)


def check_unique(names: Iterable[str], label: str) -> None:
    """Refuse names that two files share, and names that are a file's and a folder's at once.

    Raises `DatasetError`.
    """
    files: set[str] = set()
    for name in names:
        if name in files:
            raise DatasetError(f"{label}: {name!r} is in it twice; take one of the two out")
        files.add(name)
    for name in files:
        folder = name
        while folder := folder.rpartition("/")[0]:
            if folder in files:
                raise DatasetError(
                    f"{label}: {folder!r} is a file and, with {name!r}, a folder at once; rename one of them"
                )
