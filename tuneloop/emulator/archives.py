"""What is in the ZIP of a dataset: its images, or pairs of them, and whether they can be read.

That the folder which macOS adds does no harm beside images is inferred from the message of an open worker,
which is about an empty dataset.
"""

import re
import zipfile
import zlib
from pathlib import PurePosixPath

from PIL import Image

# What zipfile, zlib and Pillow raise on damaged or locked files; Pillow's own errors are OSErrors, mostly.
UNREADABLE_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, SyntaxError, ValueError, RuntimeError)
_OF_MACOS = "__MACOSX/"
_IMAGES = {".jpg", ".jpeg", ".png", ".webp"}
_PAIR_NAME = re.compile(r"(?P<index>.+)_(?P<part>start|end)\.(jpe?g|png)", re.IGNORECASE)


def image_names(archive: zipfile.ZipFile) -> list[str]:
    """Return the images of an archive, sorted: those at its root, or all where it has none there."""
    images = [
        name
        for name in archive.namelist()
        if PurePosixPath(name).suffix.lower() in _IMAGES and not name.startswith(_OF_MACOS)
    ]
    return sorted(name for name in images if "/" not in name) or sorted(images)


def pair_names(archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    """Return `INDEX_start.EXT` and `INDEX_end.EXT` of every whole pair, sorted."""
    parts: dict[str, dict[str, str]] = {}
    for name in image_names(archive):
        match = _PAIR_NAME.fullmatch(name)
        if match:
            parts.setdefault(match["index"], {})[match["part"].lower()] = name
    return [(parts[index]["start"], parts[index]["end"]) for index in sorted(parts) if len(parts[index]) == 2]


def has_folders(archive: zipfile.ZipFile) -> bool:
    """Return True if an archive has folders, other than the one that macOS adds."""
    return any("/" in name and not name.startswith(_OF_MACOS) for name in archive.namelist())


def is_damaged(archive: zipfile.ZipFile, names: list[str]) -> bool:
    """Return True if an image of the archive cannot be read."""
    try:
        for name in names:
            with archive.open(name) as file, Image.open(file) as image:
                image.draft("RGB", (64, 64))  # a JPEG shows its damage at an eighth of its size too
                image.load()
    except UNREADABLE_ERRORS:
        return True
    return False
