"""Which files of a folder make up a dataset, and which of them cannot."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from tuneloop.datasets.auxiliary import sort_out
from tuneloop.datasets.files import Found, Walk, composed, walk
from tuneloop.datasets.pairs import pair_findings, parse_pair_name
from tuneloop.datasets.system_files import awaited_file
from tuneloop.schemas.findings import Finding, error, join_names, warning

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".png", ".webp"})
CAPTION_SUFFIXES = frozenset({".txt", ".caption"})
TABLE_NAMES = frozenset({"metadata.jsonl", "metadata.csv", "metadata.parquet"})
"""Caption tables of a Hugging Face imagefolder."""
OTHER_PICTURE_SUFFIXES = frozenset({
    ".apng", ".avif", ".bmp", ".dng", ".gif", ".heic", ".heif", ".jp2", ".jxl", ".tif", ".tiff",
})  # fmt: skip
"""Pictures that no trainer takes: they are named, and stop the run."""


class PictureFile(NamedTuple):
    """A picture file."""

    path: Path
    """Where it is."""
    name: str
    """Its path within the folder."""
    owner: str
    """Whose caption it takes: its name without the suffix; of both halves of a pair, the pair's name."""

    @property
    def folder(self) -> str:
        """The subfolder that it is in; empty for the folder itself."""
        return self.name.rpartition("/")[0]


class CaptionFile(NamedTuple):
    """A caption file."""

    path: Path
    """Where it is."""
    name: str
    """Its path within the folder."""
    owner: str
    """Whose caption it is; see `PictureFile.owner`."""


class Listing(NamedTuple):
    """What was found in a folder, by name, without opening any file."""

    root: Path
    """The folder's true path."""
    pictures: list[PictureFile]
    """Those that can be opened, in the order of their names, also where there are problems with others."""
    captions: list[CaptionFile]
    """Caption files that belong to a picture."""
    tables: list[Found]
    """Caption tables."""
    findings: list[Finding]
    """What is wrong, and what was left out."""


def list_folder(folder: Path, *, pairs: bool = False) -> Listing:
    """List the pictures in a folder and its subfolders, and what may hold their captions.

    Subfolders are flattened, for trainers skip them without a word (SimpleTuner#484: 45 of 612 pictures); a
    caption file belongs to the picture of its name in its own subfolder.

    Args:
        folder: Where to look.
        pairs: The pictures are edit pairs; a pair has one caption.

    Raises:
        DatasetError: There is no such folder, or it cannot be listed.
    """
    found = walk(folder)
    findings = list(found.findings)
    pictures, aside, asides = sort_out(
        [file for file in found.files if file.suffix in PICTURE_SUFFIXES], pairs=pairs
    )
    findings += asides
    unsupported = [file for file in found.files if file.suffix in OTHER_PICTURE_SUFFIXES]
    findings += [_unsupported(file) for file in unsupported]
    refused = [file for file in found.refused if file.suffix in PICTURE_SUFFIXES | OTHER_PICTURE_SUFFIXES]
    awaited = {file: placeholder for placeholder in found.files if (file := _awaited(placeholder)) is not None}
    findings += [_not_downloaded(file, placeholder) for file, placeholder in awaited.items()]
    # What is refused or left out has a caption all the same, so that it is not called an orphan.
    others = [*unsupported, *(file for file in awaited if file.suffix not in CAPTION_SUFFIXES)]
    captions = _captions_among(found.files, {file.folder for file in (*pictures, *refused, *others, *aside)})
    findings += _name_findings([*pictures, *refused], others, aside, captions, pairs=pairs)
    tables = [file for file in found.files if file.path.name in TABLE_NAMES]
    findings += _what_is_not_read(found, {*pictures, *aside, *unsupported, *awaited.values(), *captions, *tables})
    findings += _same_names(pictures)
    if not pictures and not any(finding.severity == "error" for finding in findings):
        findings.append(
            error("no-pictures", None, "the folder holds no pictures", "put jpg, png or webp files into it")
        )
    owners = {_owner(file, pairs=pairs) for file in pictures}
    return Listing(
        root=found.root,
        pictures=[PictureFile(file.path, file.name, _owner(file, pairs=pairs)) for file in pictures],
        captions=[CaptionFile(file.path, file.name, _bare(file)) for file in captions if _bare(file) in owners],
        tables=tables,
        findings=findings,
    )


def _captions_among(files: Iterable[Found], folders: set[str]) -> list[Found]:
    """Caption files; a text in a folder without pictures is a text."""
    return [file for file in files if file.suffix in CAPTION_SUFFIXES and file.folder in folders]


def _unsupported(file: Found) -> Finding:
    return error(
        "unsupported-picture",
        file.name,
        f"is a {file.suffix} file, which no trainer takes",
        "convert it to jpg, png or webp or remove it",
    )


def _awaited(placeholder: Found) -> Found | None:
    """The image or caption that a file stands for while its bytes are elsewhere."""
    name = awaited_file(placeholder.path.name)
    file = Found(placeholder.path, _within(placeholder.folder, name)) if name else None
    known = PICTURE_SUFFIXES | OTHER_PICTURE_SUFFIXES | CAPTION_SUFFIXES
    return file if file is not None and file.suffix in known else None


def _not_downloaded(file: Found, placeholder: Found) -> Finding:
    reason = f"says that {join_names([file.name])} is not here: it is still in the cloud, or being downloaded"
    return error("not-downloaded", placeholder.name, reason, "download it, or remove this file")


def _bare(file: Found) -> str:
    """A file's path within the folder, without its suffix."""
    return _within(file.folder, file.stem)


def _within(folder: str, name: str) -> str:
    return composed(f"{folder}/{name}" if folder else name)


def _owner(picture: Found, *, pairs: bool) -> str:
    half = parse_pair_name(picture.stem) if pairs else None
    return _bare(picture) if half is None else _within(picture.folder, half.pair)


def _name_findings(
    pictures: list[Found], others: list[Found], aside: list[Found], captions: list[Found], *, pairs: bool
) -> list[Finding]:
    """Find captions without a picture, pictures without their pair, and names that two pictures share.

    Args:
        pictures: What is trained on, or could be if it were readable.
        others: What has an error of its own already.
        aside: What is no part of the dataset.
        captions: Caption files.
        pairs: The pictures are edit pairs.
    """
    by_name: dict[str, list[Found]] = defaultdict(list)
    for picture in pictures:
        by_name[_bare(picture)].append(picture)
    findings = [
        error(
            "shared-name",
            group[0].name,
            f"has the same name as {join_names([other.name for other in group[1:]])}, so that a caption would "
            "belong to both",
            "rename all but one",
        )
        for group in by_name.values()
        if len(group) > 1
    ]
    owners = {_owner(picture, pairs=pairs) for picture in (*pictures, *others, *aside)}
    if pairs:
        findings += pair_findings([*pictures, *others])
    whom = "its pair, such as 01.txt," if pairs else "its picture"
    findings += [
        error(
            "orphaned-caption",
            caption.name,
            f"is a caption without a {'pair' if pairs else 'picture'}",
            f"rename it after {whom} or remove it",
        )
        for caption in captions
        if _bare(caption) not in owners
    ]
    return findings


def _what_is_not_read(found: Walk, read: set[Found]) -> list[Finding]:
    """Say in one finding each what was left out and what nothing reads."""
    findings = []
    if found.left_out:
        findings.append(
            warning(
                "left-out",
                None,
                f"{_files(found.left_out)} hidden or left behind by a system, and left out",
                "nothing, or unhide what belongs to the dataset",
            )
        )
    others = [file.name for file in found.files if file not in read]
    if others:
        findings.append(
            warning(
                "not-read",
                None,
                f"{_files(others)} neither picture nor caption, and read by nothing",
                "nothing, or remove what does not belong to the dataset",
            )
        )
    return findings


def _files(names: list[str]) -> str:
    return f"{join_names(names)} {'is' if len(names) == 1 else 'are'}"


def _same_names(pictures: list[Found]) -> list[Finding]:
    """Say which file names occur in more than one subfolder: flattened, they collide."""
    by_file_name: dict[str, list[str]] = defaultdict(list)
    for picture in pictures:
        by_file_name[picture.path.name].append(picture.name)
    several = [group for group in by_file_name.values() if len(group) > 1]
    if not several:
        return []
    more = f", and {len(several) - 1} more names like it" if len(several) > 1 else ""
    return [
        warning(
            "same-file-name",
            None,
            f"{join_names(several[0])} have one file name{more}; all of them are sent, under numbers",
            "nothing, if they are different pictures",
        )
    ]
