"""Which files of a folder make up a dataset, and which of them cannot."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from tuneloop.dataset.pairs import half_of, pair_problems
from tuneloop.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
CAPTION_SUFFIX = ".txt"
_OTHER_PICTURE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".dng", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jxl", ".tif", ".tiff"}
)
# What operating systems leave behind, beside hidden files: it once broke a training (kohya-trainer#300).
_LEFT_BEHIND = frozenset({"__macosx", "thumbs.db"})


class PictureFile(NamedTuple):
    """A picture file and the caption file beside it."""

    picture: Path
    caption: Path | None


class Listing(NamedTuple):
    """What was found in a folder, by name, without opening any file."""

    pictures: list[PictureFile]
    """Those that can be opened, in the order of their names, also where there are problems with others."""
    problems: list[str]
    """One sentence each: file, reason, remedy."""


def list_folder(folder: Path, *, pairs: bool = False) -> Listing:
    """List the pictures directly in a folder, each with its caption file.

    Args:
        folder: Where to look.
        pairs: The pictures are edit pairs; a pair's caption is listed with its first picture.

    Raises:
        DatasetError: There is no such folder, or it cannot be listed.
    """
    root, entries = _entries_of(folder)
    problems: list[str] = []
    refused: set[Path] = set()
    pictures: dict[str, list[Path]] = defaultdict(list)
    captions: dict[str, list[Path]] = defaultdict(list)
    for entry in entries:
        if entry.name.startswith(".") or entry.name.lower() in _LEFT_BEHIND:
            continue
        problem = _problem_with(entry, root)
        if problem is not None:
            problems.append(f"{entry.name}: {problem}")
            refused.add(entry)
        # Refused pictures too, so that their captions are not called orphans.
        if entry.suffix.lower() in PICTURE_SUFFIXES | _OTHER_PICTURE_SUFFIXES:
            pictures[entry.stem].append(entry)
        elif entry.suffix.lower() == CAPTION_SUFFIX:
            captions[entry.stem].append(entry)
    problems += _pairing_problems(pictures, captions, pairs=pairs)
    if not pictures and not problems:
        problems.append(f"{folder}: holds no pictures; put jpg, png or webp files directly into it")
    found = [
        PictureFile(
            picture,
            next((text for text in captions[_caption_stem(stem, pairs=pairs)] if text not in refused), None),
        )
        for stem, group in pictures.items()
        for picture in group
        if picture not in refused
    ]
    return Listing(found, problems)


def _caption_stem(stem: str, *, pairs: bool) -> str:
    """Name of a picture's caption file; of a pair, the first picture has it."""
    half = half_of(stem) if pairs else None
    return half.pair if half is not None and half.role == "start" else stem


def _entries_of(folder: Path) -> tuple[Path, list[Path]]:
    """The folder's true path and what is directly in it, by name."""
    try:
        root = folder.resolve(strict=True)
        return root, sorted(root.iterdir())
    except FileNotFoundError as error:
        raise DatasetError(f"{folder}: there is no such folder; check the path") from error
    except NotADirectoryError as error:
        raise DatasetError(f"{folder}: is not a folder; name the folder that holds the pictures") from error
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"{folder}: cannot be listed ({error}); make the folder readable") from error


def _problem_with(entry: Path, root: Path) -> str | None:
    """Say why one entry of the folder cannot be used, None if it can (or does not matter)."""
    suffix = entry.suffix.lower()
    try:
        target = entry.resolve(strict=True)
        if not target.is_relative_to(root):
            return "is a link that points out of the folder; put a copy in its place"
        if target.is_dir():
            return _problem_with_subfolder(target)
    except (OSError, RuntimeError) as error:
        return f"cannot be read ({error}); make it readable or remove it"
    if suffix in _OTHER_PICTURE_SUFFIXES:
        return f"is a {suffix} file, which no trainer takes; convert it to jpg, png or webp or remove it"
    if suffix in PICTURE_SUFFIXES | {CAPTION_SUFFIX} and not target.is_file():
        return "is not a regular file; remove it"
    return None


def _problem_with_subfolder(subfolder: Path) -> str | None:
    # Trainers skip subfolders without a word, so 45 of 612 pictures can go missing (SimpleTuner#484).
    inside = (path for path in subfolder.rglob("*") if not path.name.startswith("."))
    if any(path.suffix.lower() in PICTURE_SUFFIXES for path in inside):
        return "is a subfolder with pictures, which trainers skip; move them up, or move it elsewhere"
    return None


def _pairing_problems(
    pictures: dict[str, list[Path]], captions: dict[str, list[Path]], *, pairs: bool
) -> list[str]:
    """Find captions without a picture, pictures without their pair, and names that two files share."""
    if pairs:
        problems = pair_problems(list(pictures), list(captions))
    else:
        problems = [
            f"{group[0].name}: is a caption without a picture; rename it after its picture or remove it"
            for stem, group in captions.items()
            if stem not in pictures
        ]
    for kind, by_stem in (("pictures", pictures), ("captions", captions)):
        for stem, group in by_stem.items():
            if len(group) > 1:
                names = " and ".join(path.name for path in group)
                problems.append(f"{names}: {kind} that share one name, {stem}; rename all but one")
    return problems
