"""What systems, storage boxes and cloud drives leave in folders, by name: one list for folders, zips and buckets.

Such files are passed over. Bins matter most: the images in them were thrown away, and can be opened all the same.
"""

from __future__ import annotations

import re

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
