from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.scan import preflight
from tuneloop.schemas.dataset import NO_LIMITS, DatasetManifest, ImageInfo, Sha256
from tuneloop.schemas.findings import Finding


class Scanned(NamedTuple):
    """A dataset that can be used."""

    manifest: DatasetManifest
    files: Mapping[Sha256, Path]
    findings: tuple[Finding, ...]
    facts: Mapping[Sha256, ImageInfo]


def scan(
    folder: Path, rule: CaptionRule, on_progress: Callable[[int, int], None] | None = None, *, pairs: bool = False
) -> Scanned:
    """Run the preflight. Raises `DatasetError` where a dataset cannot be used."""
    found = preflight(folder, rule, NO_LIMITS, pairs=pairs, on_progress=on_progress)
    return Scanned(found.require_manifest(), found.files, found.findings, found.facts)
