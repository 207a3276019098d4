"""Images for a first try: ROBOX, an orange robot, in twenty places, and eight pairs with and without a hat."""

from __future__ import annotations

import shutil
from pathlib import Path

from tuneloop.datasets.listing import IMAGE_SUFFIXES
from tuneloop.datasets.pairs import parse_pair_name

_HERE = Path(__file__).parent
_ONE_OF = 4


def copy_samples(folder: Path, *, pairs: bool = False) -> None:
    """Copy twenty images with captions into a folder; or eight pairs for an edit model."""
    shutil.copytree(_HERE / ("sample_pairs" if pairs else "sample_images"), folder, dirs_exist_ok=True)


def take_some(source: Path, target: Path) -> None:
    """Copy a quarter of any folder's images or pairs, two at least, with their captions.

    Raises:
        FileExistsError: The target is there already; a mixture of two datasets would go unnoticed.
    """
    target.mkdir(parents=True)
    files = [path for path in sorted(source.iterdir()) if path.is_file()]
    names = list(dict.fromkeys(_name_of(path) for path in files if path.suffix.lower() in IMAGE_SUFFIXES))
    taken = set(names[:: max(1, min(_ONE_OF, len(names) // 2))])
    for path in files:
        if _name_of(path) in taken:
            shutil.copyfile(path, target / path.name)


def _name_of(path: Path) -> str:
    """What an image, its caption and the other half of its pair have in common."""
    half = parse_pair_name(path.stem)
    return half.pair if half else path.stem
