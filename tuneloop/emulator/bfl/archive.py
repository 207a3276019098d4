"""The ZIP of a BFL training, as it is checked before it is accepted and again by moderation.

Sources: BFL: fine-tuning guide (formats, 1 to 20 images); issues 401 (a message about file attributes) and
417 (more than 20 images: accepted, then moderated) of black-forest-labs/flux; issue 15 of
ComfyUI_Flux_1.1_RAW_API (a ZIP with a folder and a ZIP in it is refused). Folders alone are no reason: the guide
has its reader compress one, and so do published clients. The texts of the other refusals are
not known, nor which attributes are suspicious: here, those of anything but a plain file.
"""

import stat
import zipfile
from pathlib import Path

from tuneloop.emulator.dataset_zip import UNREADABLE_ERRORS, damaged, image_names

MODERATED = "Request Moderated"
_MOST_IMAGES = 20
_ARCHIVES = (".zip", ".tar", ".gz", ".7z", ".rar")


class BadArchive(ValueError):
    """A ZIP that is refused; the text says why."""


def doom_of(archive: Path) -> str | None:
    """Return the text a training on an archive ends badly with, None for a good one.

    Raises:
        BadArchive: if it is not even accepted.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                _check(entry)
            images = image_names(opened)
            if not images:
                raise BadArchive("No images found in the zip file")
            if len(images) > _MOST_IMAGES:
                return MODERATED
            return "An image cannot be read" if damaged(opened, images) else None
    except UNREADABLE_ERRORS as error:
        if isinstance(error, BadArchive):
            raise
        raise BadArchive("Invalid zip file") from None


def _check(entry: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.filename.lower().endswith(_ARCHIVES):
        raise BadArchive(f"Archives are not allowed in the zip file: {entry.filename}")
    if kind not in (0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
        raise BadArchive(f"Suspicious file attributes detected: {entry.filename}")
