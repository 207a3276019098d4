"""Every image's caption, from the files beside it or from a caption table."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import NamedTuple

from tuneloop.datasets.captions import read_caption, words_of
from tuneloop.datasets.files import FileEntry, nfc
from tuneloop.datasets.imagefolder import Row, read_table
from tuneloop.datasets.listing import IMAGE_SUFFIXES, Listing
from tuneloop.schemas.findings import Finding, error, join_names, warning


class CaptionText(NamedTuple):
    """One caption as somebody wrote it."""

    text: str
    file: str
    line: int | None = None

    @property
    def place(self) -> str:
        return self.file if self.line is None else f"{self.file}, line {self.line}"


class Captions(NamedTuple):
    """All captions of a dataset."""

    by_owner: dict[str, CaptionText]
    """The caption of each image that has one, maybe an empty one, by `FileEntry.owner`."""
    reported: set[str]
    """Owners whose caption is missing or broken, and for whom a finding says so already."""
    findings: list[Finding]


def gather_captions(listing: Listing) -> Captions:
    """Read every caption of a listed dataset."""
    sources: dict[str, list[CaptionText]] = defaultdict(list)
    reported: set[str] = set()
    findings: list[Finding] = []
    for file in listing.captions:
        text = read_caption(file.path, file.name)
        if isinstance(text, Finding):
            findings.append(text)
            reported.add(file.owner)
        else:
            sources[file.owner].append(CaptionText(text, file.name))
    findings += _two_tables(listing.tables)
    unread = set()
    for table in listing.tables:
        rows, broken = read_table(table)
        findings += [*broken, *_use_rows(listing, table, rows, sources)]
        if broken and not rows:
            unread.add(table.name)
    findings += _without_a_row(listing, sources, reported, unread)
    by_owner = {}
    for owner, written in sources.items():
        findings += _disagreements(owner, written)
        by_owner[owner] = next((one for one in written if words_of(one.text)), written[0])
    return Captions(by_owner, reported, findings)


def _two_tables(tables: list[FileEntry]) -> list[Finding]:
    by_folder: dict[str, list[str]] = defaultdict(list)
    for table in tables:
        by_folder[table.folder].append(table.name)
    reason = "is not the only caption table here"
    return [
        error("two-tables", names[0], f"{reason}: {join_names(names[1:])}", "keep one of them")
        for names in by_folder.values()
        if len(names) > 1
    ]


def _use_rows(
    listing: Listing, table: FileEntry, rows: list[Row], sources: dict[str, list[CaptionText]]
) -> list[Finding]:
    owners = {nfc(image.name): image.owner for image in listing.images}
    reported = {finding.file for finding in listing.findings}
    findings = []
    for row in rows:
        owner, path = owners.get(nfc(row.image)), listing.root / row.image
        if owner is not None:
            sources[owner].append(CaptionText(row.caption, table.name, row.line))
        # One that is there and cannot be opened is told elsewhere.
        elif row.image not in reported and not (path.suffix.lower() in IMAGE_SUFFIXES and os.path.lexists(path)):
            reason = f"line {row.line} names {join_names([row.image])}, and there is no such image"
            findings.append(error("table-orphan", table.name, reason, "add the image, or remove the line"))
    return findings


def _without_a_row(
    listing: Listing, sources: dict[str, list[CaptionText]], reported: set[str], unread: set[str]
) -> list[Finding]:
    findings = []
    for table in listing.tables:
        inside = f"{table.folder}/" if table.folder else ""
        without = [
            image
            for image in listing.images
            if image.name.startswith(inside) and image.owner not in sources and image.owner not in reported
        ]
        reported |= {image.owner for image in without}
        if without and table.name not in unread:
            reason = f"has no line for {join_names([image.name for image in without])}"
            findings.append(warning("table-without-image", table.name, reason, "add lines for them"))
    return findings


def _disagreements(owner: str, written: list[CaptionText]) -> list[Finding]:
    told = [one for one in written if words_of(one.text)]
    findings = []
    for other in told[1:]:
        if words_of(other.text) != words_of(told[0].text):
            where = "" if other.line is None else f"line {other.line} "
            reason = f"{where}has another caption for {join_names([owner])} than {told[0].place}"
            findings.append(error("captions-disagree", other.file, reason, "keep one of them"))
    return findings
