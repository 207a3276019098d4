"""Which files of a folder make up a dataset, and which of them cannot."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from tuneloop.datasets.auxiliary import split_auxiliary
from tuneloop.datasets.files import FileEntry, Walk, awaited_file, nfc, walk
from tuneloop.datasets.pairs import pair_findings, parse_pair_name
from tuneloop.schemas.findings import Finding, error, join_names, warning

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".png", ".webp"})
CAPTION_SUFFIXES = frozenset({".txt", ".caption"})
TABLE_NAMES = frozenset({"metadata.jsonl", "metadata.csv", "metadata.parquet"})
"""Caption tables of a Hugging Face imagefolder."""
OTHER_IMAGE_SUFFIXES = frozenset({
    ".apng", ".avif", ".bmp", ".dng", ".gif", ".heic", ".heif", ".jp2", ".jxl", ".tif", ".tiff",
})  # fmt: skip
"""Images that no trainer takes: they are named, and stop the run."""


class Listing(NamedTuple):
    """What was found in a folder, by name, without opening any file."""

    root: Path
    images: list[FileEntry]
    """Those that can be opened, in the order of their names, also where there are problems with others."""
    captions: list[FileEntry]
    tables: list[FileEntry]
    findings: list[Finding]


def list_folder(folder: Path, *, pairs: bool = False) -> Listing:
    """List the images in a folder and its subfolders, and what may hold their captions.

    Subfolders are flattened, for trainers skip them without a word (SimpleTuner#484: 45 of 612 images); a caption
    file belongs to the image of its name in its own subfolder. Raises `DatasetError` where the folder cannot be
    listed.
    """
    found = walk(folder)
    findings = list(found.findings)
    usual = [file for file in found.files if file.suffix in IMAGE_SUFFIXES]
    images, excluded, split_findings = split_auxiliary(usual, pairs=pairs)
    findings += split_findings
    unsupported = [file for file in found.files if file.suffix in OTHER_IMAGE_SUFFIXES]
    for image in unsupported:
        reason = f"is a {image.suffix} file, which no trainer takes"
        remedy = "convert it to jpg, png or webp or remove it"
        findings.append(error("unsupported-image", image.name, reason, remedy))
    rejected = [file for file in found.rejected if file.suffix in IMAGE_SUFFIXES | OTHER_IMAGE_SUFFIXES]
    awaited = {waited: file for file in found.files if (waited := _awaited(file)) is not None}
    for file, placeholder in awaited.items():
        reason = f"says that {join_names([file.name])} is not here: it is still in the cloud, or being downloaded"
        findings.append(error("not-downloaded", placeholder.name, reason, "download it, or remove this file"))
    # What is refused or left out has a caption all the same, so that it is not called an orphan.
    others = [*unsupported, *(file for file in awaited if file.suffix not in CAPTION_SUFFIXES)]
    # A text in a folder without images is a text.
    folders = {file.folder for file in (*images, *rejected, *others, *excluded)}
    captions = [file for file in found.files if file.suffix in CAPTION_SUFFIXES and file.folder in folders]
    findings += _name_findings([*images, *rejected], others, excluded, captions, pairs=pairs)
    tables = [file for file in found.files if file.path.name in TABLE_NAMES]
    findings += _what_is_not_read(found, {*images, *excluded, *unsupported, *awaited.values(), *captions, *tables})
    findings += _same_names(images)
    if not images and not any(finding.severity == "error" for finding in findings):
        remedy = "put jpg, png or webp files into it"
        findings.append(error("no-images", None, "the folder holds no images", remedy))
    owners = {_owner(file, pairs=pairs) for file in images}
    return Listing(
        root=found.root,
        images=[file._replace(owner=_owner(file, pairs=pairs)) for file in images],
        captions=[file._replace(owner=_bare(file)) for file in captions if _bare(file) in owners],
        tables=tables,
        findings=findings,
    )


def _awaited(placeholder: FileEntry) -> FileEntry | None:
    """The image or caption that a file stands for while its bytes are elsewhere."""
    name = awaited_file(placeholder.path.name)
    file = FileEntry(placeholder.path, _within(placeholder.folder, name)) if name else None
    known = IMAGE_SUFFIXES | OTHER_IMAGE_SUFFIXES | CAPTION_SUFFIXES
    return file if file is not None and file.suffix in known else None


def _bare(file: FileEntry) -> str:
    return _within(file.folder, file.stem)


def _within(folder: str, name: str) -> str:
    return nfc(f"{folder}/{name}" if folder else name)


def _owner(image: FileEntry, *, pairs: bool) -> str:
    half = parse_pair_name(image.stem) if pairs else None
    return _bare(image) if half is None else _within(image.folder, half.pair)


def _name_findings(
    images: list[FileEntry],
    others: list[FileEntry],
    excluded: list[FileEntry],
    captions: list[FileEntry],
    *,
    pairs: bool,
) -> list[Finding]:
    """Find captions without an image, images without their pair, and names that two images share."""
    by_name: dict[str, list[FileEntry]] = defaultdict(list)
    for image in images:
        by_name[_bare(image)].append(image)
    findings = []
    for first, *more in by_name.values():
        if more:
            names = join_names([other.name for other in more])
            reason = f"has the same name as {names}, so that a caption would belong to both"
            findings.append(error("shared-name", first.name, reason, "rename all but one"))
    owners = {_owner(image, pairs=pairs) for image in (*images, *others, *excluded)}
    if pairs:
        findings += pair_findings([*images, *others])
    reason = f"is a caption without {'a pair' if pairs else 'an image'}"
    remedy = f"rename it after {'its pair, such as 01.txt,' if pairs else 'its image'} or remove it"
    orphans = [caption.name for caption in captions if _bare(caption) not in owners]
    return findings + [error("orphaned-caption", name, reason, remedy) for name in orphans]


def _what_is_not_read(found: Walk, read: set[FileEntry]) -> list[Finding]:
    findings = []
    if found.ignored:
        reason = f"{_files(found.ignored)} hidden or left by the system, and ignored"
        remedy = "optional: unhide what belongs to the dataset"
        findings.append(warning("left-out", None, reason, remedy))
    others = [file.name for file in found.files if file not in read]
    if others:
        reason = f"{_files(others)} neither image nor caption, and not used"
        remedy = "optional: remove what does not belong to the dataset"
        findings.append(warning("not-read", None, reason, remedy))
    return findings


def _files(names: list[str]) -> str:
    return f"{join_names(names)} {'is' if len(names) == 1 else 'are'}"


def _same_names(images: list[FileEntry]) -> list[Finding]:
    """Say which file names occur in more than one subfolder: flattened, they collide."""
    by_file_name: dict[str, list[str]] = defaultdict(list)
    for image in images:
        by_file_name[image.path.name].append(image.name)
    several = [group for group in by_file_name.values() if len(group) > 1]
    if not several:
        return []
    more = f", and {len(several) - 1} more names like it" if len(several) > 1 else ""
    reason = f"{join_names(several[0])} have one file name{more}; all of them are sent, under numbers"
    return [warning("same-file-name", None, reason, "nothing, if they are different images")]
