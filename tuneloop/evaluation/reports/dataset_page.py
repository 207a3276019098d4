"""One dataset as a page of markdown: whether it can be used, what to mend, what is new, and what is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tuneloop.datasets.checks.dataset_checks import by_folder
from tuneloop.evaluation.reports.images import thumbnail_address
from tuneloop.evaluation.reports.template import fill_template
from tuneloop.schemas.dataset import DatasetDifference, DatasetItem, DatasetManifest, Sha256
from tuneloop.schemas.findings import Finding, errors_in, limit_per_check, usability, warnings_in
from tuneloop.schemas.shown_text import in_markdown

_IMAGES_SHOWN = 48
_COLUMNS = 4
_SIDES_PX = (120, 88, 64, 48)
"""Of a thumbnail; a smaller one where an image is too rich in detail for its share of the page."""
_THUMBNAIL_CHARACTERS = 4_400
# A sign takes up to five bytes once it is escaped; all of these together keep the page below 400 KB.
_NAME_CHARACTERS = 60
_CAPTION_CHARACTERS = 120


def write_dataset_page(
    files: Mapping[Sha256, Path],
    manifest: DatasetManifest | None,
    findings: Sequence[Finding],
    champion_manifest: DatasetManifest | None,
) -> str:
    """Write the page of a dataset, markdown with thumbnails inside. It stays below 400 KB.

    `files` has one file for every image. `manifest` is None where errors kept the folder from becoming a dataset.
    """
    items = manifest.items if manifest else ()
    picked = _picked(items)
    difference = DatasetDifference.between(champion_manifest, manifest) if manifest and champion_manifest else None
    folders = Counter(item.file_name.rpartition("/")[0] for item in items)
    return fill_template(
        "dataset.md",
        errors=errors_in(findings),
        warnings=warnings_in(findings),
        usability=usability(findings),
        limit_per_check=limit_per_check,
        manifest=manifest,
        pairs=len({item.pair for item in items if item.pair is not None}),
        formats=sorted({item.format for item in items}),
        folders=by_folder(folders) if set(folders) - {""} else "",
        difference=difference,
        shown=len(picked),
        grid=list(_grid(files, picked)),
    )


def _grid(files: Mapping[Sha256, Path], picked: Sequence[DatasetItem]) -> Iterator[list[str]]:
    """Rows of cells: images, and below them their captions."""
    for start in range(0, len(picked), _COLUMNS):
        items = picked[start : start + _COLUMNS]
        filler = [""] * (_COLUMNS - len(items))
        yield [*(_thumbnail(files, item) for item in items), *filler]
        yield [*(_caption(item) for item in items), *filler]


def _picked(items: Sequence[DatasetItem]) -> list[DatasetItem]:
    """Some images, evenly picked, in order of their names; of pairs, both halves of some, side by side."""
    ordered = sorted(items, key=lambda item: (item.pair or 0, item.role == "end", item.file_name))
    size = 2 if all(item.pair for item in items) else 1
    units = [ordered[index : index + size] for index in range(0, len(ordered), size)]
    wanted = min(len(units), _IMAGES_SHOWN // size)
    return [item for number in range(wanted) for item in units[number * len(units) // wanted]]


def _thumbnail(files: Mapping[Sha256, Path], item: DatasetItem) -> str:
    name = in_markdown(item.file_name, _NAME_CHARACTERS)
    try:
        data = files[item.sha256].read_bytes()
    except OSError:
        return f"({name}: no longer there)"
    for side_px in _SIDES_PX:
        address = thumbnail_address(data, side_px)
        if address is not None and len(address) <= _THUMBNAIL_CHARACTERS:
            return f"![{name}]({address})"
    return f"({name}: cannot be shown)"


def _caption(item: DatasetItem) -> str:
    name = in_markdown(item.file_name, _NAME_CHARACTERS)
    if item.role == "end":
        return f"{name}: after the edit"
    caption = "no caption" if item.caption is None else in_markdown(item.caption, _CAPTION_CHARACTERS)
    return f"{name}: {caption}"
