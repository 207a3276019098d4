"""The uploaded archive, as the provider's worker reads it.

Source: Segmind's open Flux fine-tuning worker, which takes a flat ZIP of images and fails the job with
the messages below; captions lie beside the images as `.txt` of the same stem. That the folder which macOS
adds does no harm beside images is inferred: the message is about an empty dataset.
"""

import zipfile
import zlib
from pathlib import Path, PurePosixPath

from PIL import Image

EMPTY = "Looks like empty dataset. Please do not create subfolders, only zip the images"
UNREADABLE = "Internal Server Error"
# What zipfile, zlib and Pillow raise on damaged or locked files; Pillow's own errors are OSErrors, mostly.
UNREADABLE_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, SyntaxError, ValueError, RuntimeError)
_OF_MACOS = "__MACOSX/"
_IMAGES = {".jpg", ".jpeg", ".png", ".webp"}


def complaint(archive: Path) -> str | None:
    """Return the error message a training on this archive ends with, None for a good one."""
    try:
        with zipfile.ZipFile(archive) as opened:
            images = image_names(opened)
            if not images or has_folders(opened):
                return EMPTY
            if damaged(opened, images):
                return UNREADABLE
    except UNREADABLE_ERRORS:
        return UNREADABLE
    return None


def damaged(archive: zipfile.ZipFile, names: list[str]) -> bool:
    """Tell whether an image of the archive cannot be read."""
    try:
        for name in names:
            with archive.open(name) as file, Image.open(file) as image:
                image.draft("RGB", (64, 64))  # a JPEG shows its damage at an eighth of its size too
                image.load()
    except UNREADABLE_ERRORS:
        return True
    return False


def has_folders(archive: zipfile.ZipFile) -> bool:
    """Tell whether an archive has folders, other than the one that macOS adds."""
    return any("/" in name and not name.startswith(_OF_MACOS) for name in archive.namelist())


def image_names(archive: zipfile.ZipFile) -> list[str]:
    """Return the images of an archive, sorted: those at its root, or all where it has none there."""
    images = [
        name
        for name in archive.namelist()
        if PurePosixPath(name).suffix.lower() in _IMAGES and not name.startswith(_OF_MACOS)
    ]
    return sorted(name for name in images if "/" not in name) or sorted(images)
