"""An archive of image pairs, as the provider's worker reads it: what the model is to make of what.

Source: the README of segmind/kontext-finetune-datasets: `INDEX_start.EXT` before the edit, `INDEX_end.EXT`
after it, and perhaps `INDEX.txt`, which says what was done; all in one folder. What the worker says to an
image without its partner is not published.
"""

import re
import zipfile
from pathlib import Path

from tuneloop.emulator.dataset_zip import EMPTY, UNREADABLE, UNREADABLE_ERRORS, damaged, has_folders, image_names

_NAME = re.compile(r"(?P<index>.+)_(?P<part>start|end)\.(jpe?g|png)", re.IGNORECASE)


def complaint(archive: Path) -> str | None:
    """Return the error message a training on this archive ends with, None for a good one."""
    try:
        with zipfile.ZipFile(archive) as opened:
            images = image_names(opened)
            if not images or has_folders(opened):
                return EMPTY
            pairs = pair_names(opened)
            paired = {name for pair in pairs for name in pair}
            alone = [name for name in images if name not in paired]
            if alone:
                return f"{alone[0]} has no partner: name images INDEX_start and INDEX_end"
            if damaged(opened, images):
                return UNREADABLE
    except UNREADABLE_ERRORS:
        return UNREADABLE
    return None


def pair_names(archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    """Return the start and the end of every whole pair, sorted."""
    parts: dict[str, dict[str, str]] = {}
    for name in image_names(archive):
        match = _NAME.fullmatch(name)
        if match:
            parts.setdefault(match["index"], {})[match["part"].lower()] = name
    return [(parts[index]["start"], parts[index]["end"]) for index in sorted(parts) if len(parts[index]) == 2]
