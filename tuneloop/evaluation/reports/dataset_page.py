"""One dataset as a page of markdown: whether it can be used, what to mend, what is new, and what is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tuneloop.datasets.checks.dataset_checks import by_folder
from tuneloop.evaluation.reports.images import thumbnail_address
from tuneloop.schemas.dataset import DatasetDifference, DatasetItem, DatasetManifest, Sha256
from tuneloop.schemas.findings import Finding, errors_in, limit_per_check, warnings_in
from tuneloop.schemas.shown_text import in_markdown

_IMAGES_SHOWN = 48
_COLUMNS = 4
_SIDES_PX = (120, 88, 64, 48)
"""Of a thumbnail; a smaller one where an image is too rich in detail for its share of the page."""
_THUMBNAIL_CHARACTERS = 4_400
# A sign takes up to five bytes once it is escaped; all of these together keep the page below 400 KB.
_NAME_CHARACTERS = 60
_CAPTION_CHARACTERS = 120
_TEXT_CHARACTERS = 200
_FINDINGS_SHOWN = 14
_OF_EACH_CHECK = 6
_NAMES_SHOWN = 12


def write_dataset_page(
    files: Mapping[Sha256, Path],
    manifest: DatasetManifest | None,
    findings: Sequence[Finding],
    champion_manifest: DatasetManifest | None,
) -> str:
    """Write the page of a dataset, markdown with thumbnails inside. It stays below 400 KB.

    Args:
        files: One file for every image of it.
        manifest: The dataset; None where errors kept it from becoming one.
        findings: What the checks have found.
        champion_manifest: The dataset of the current champion, None where there is none.
    """
    parts = [f"# Dataset: {_outcome(findings)}", f"**{_verdict(findings)}**"]
    if manifest is not None:
        parts.append(_counts(manifest))
    for title, told in (("Errors", errors_in(findings)), ("Warnings", warnings_in(findings))):
        if told:
            parts += [f"## {title}", _findings_table(told)]
    if manifest is not None and champion_manifest is not None:
        parts += ["## Compared with the champion's dataset", _difference(champion_manifest, manifest)]
    if manifest is not None and manifest.items:
        parts += ["## Images", _grid(files, manifest)]
    return "\n\n".join(parts) + "\n"


def _outcome(findings: Sequence[Finding]) -> str:
    if errors_in(findings):
        return "cannot be used"
    return "can be used, with warnings" if findings else "nothing to fix"


def _verdict(findings: Sequence[Finding]) -> str:
    errors, warnings = len(errors_in(findings)), len(warnings_in(findings))
    also = f", and there {_are(warnings, 'warning')}" if warnings else ""
    if errors:
        return f"Nothing was uploaded or paid: there {_are(errors, 'error')} to fix first{also}."
    if warnings:
        return f"Nothing keeps it from being used; there {_are(warnings, 'warning')} to look at."
    return "Every image was decoded and every caption read; nothing was found."


def _are(count: int, what: str) -> str:
    return f"is 1 {what}" if count == 1 else f"are {count:,} {what}s"


def _counts(manifest: DatasetManifest) -> str:
    items = manifest.items
    pairs = len({item.pair for item in items if item.pair is not None})
    captions = sum(item.caption is not None for item in items)
    formats = sorted({item.format for item in items})
    rows = [
        ("source", _text(manifest.source)),
        ("images", f"{len(items):,}" + (f" in {pairs:,} pairs" if pairs else "") + f" ({', '.join(formats)})"),
        ("captions sent", f"{captions:,}"),
        ("size", f"{manifest.size_bytes:,} bytes"),
        ("digest", f"`{manifest.digest}`"),
    ]
    folders = Counter(item.file_name.rpartition("/")[0] for item in items)
    if set(folders) - {""}:
        rows.insert(2, ("from folders", _text(by_folder(folders))))
    return "\n".join([_row(["", ""]), _row(["---", "---"]), *(_row(row) for row in rows)])


def _findings_table(findings: Sequence[Finding]) -> str:
    lines = [_row(["file", "reason", "remedy"]), _row(["---"] * 3)]
    left = len(findings)
    for finding, more in limit_per_check(findings, _OF_EACH_CHECK)[:_FINDINGS_SHOWN]:
        file = _text(finding.file) if finding.file is not None else "(dataset)"
        lines.append(_row([file, _text(finding.reason), _text(finding.remedy)]))
        left -= 1 + more
        if more:
            lines.append(_row(["", f"and {more:,} more like it", ""]))
    if left:
        lines.append(_row(["", f"and {left:,} more", ""]))
    return "\n".join(lines)


def _difference(old: DatasetManifest, new: DatasetManifest) -> str:
    difference = DatasetDifference.between(old, new)
    if not difference.any:
        return "The same images with the same captions."
    lines = [f"{difference.summary[0].upper()}{difference.summary[1:]}."]
    for what, names in (
        ("Added", difference.added),
        ("Removed", difference.removed),
        ("Captions changed", difference.captions_changed),
    ):
        if names:
            rest = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
            lines.append(f"- {what}: {', '.join(_text(name) for name in names[:_NAMES_SHOWN])}{rest}")
    return "\n\n".join([lines[0], "\n".join(lines[1:])])


def _grid(files: Mapping[Sha256, Path], manifest: DatasetManifest) -> str:
    """Some images with their captions below, evenly picked."""
    picked = _picked(manifest.items)
    lines = [_row([""] * _COLUMNS), _row([":-:"] * _COLUMNS)]
    for start in range(0, len(picked), _COLUMNS):
        items = picked[start : start + _COLUMNS]
        filler = [""] * (_COLUMNS - len(items))
        lines.append(_row([*(_thumbnail(files, item) for item in items), *filler]))
        lines.append(_row([*(_caption(item) for item in items), *filler]))
    if len(picked) < len(manifest.items):
        lines = [f"{len(picked)} of {len(manifest.items):,}, evenly picked.", "", *lines]
    return "\n".join(lines)


def _picked(items: Sequence[DatasetItem]) -> list[DatasetItem]:
    """Of a dataset of pairs, both halves of some pairs, side by side."""
    ordered = sorted(items, key=lambda item: (item.pair or 0, item.role == "end"))
    units = [ordered[index : index + 2] for index in range(0, len(ordered), 2)]
    if not all(item.pair for item in items):
        units = [[item] for item in ordered]
    wanted = min(len(units), _IMAGES_SHOWN // len(units[0]))
    return [item for number in range(wanted) for item in units[number * len(units) // wanted]]


def _thumbnail(files: Mapping[Sha256, Path], item: DatasetItem) -> str:
    name = _text(item.file_name, _NAME_CHARACTERS)
    try:
        data = files[item.sha256].read_bytes()
    except OSError:
        return f"({name}: not there any more)"
    for side_px in _SIDES_PX:
        address = thumbnail_address(data, side_px)
        if address is not None and len(address) <= _THUMBNAIL_CHARACTERS:
            return f"![{name}]({address})"
    return f"({name}: cannot be shown)"


def _caption(item: DatasetItem) -> str:
    name = _text(item.file_name, _NAME_CHARACTERS)
    if item.role == "end":
        return f"{name}: after the edit"
    return f"{name}: {'no caption' if item.caption is None else _text(item.caption, _CAPTION_CHARACTERS)}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str, most: int = _TEXT_CHARACTERS) -> str:
    return in_markdown(text, most)
