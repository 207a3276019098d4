"""Edit pairs: `NN_start`, `NN_end` and, if wanted, `NN.txt`.

Source: a repository of sample datasets for Kontext (names; two digits are advised, one digit occurs).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Literal, NamedTuple, cast

from tuneloop.datasets.files import FileEntry, nfc
from tuneloop.schemas.dataset import DatasetItem
from tuneloop.schemas.findings import Finding, error

_HALF = re.compile(r"(?P<pair>(?s:.+))_(?P<role>start|end)")


class Half(NamedTuple):
    """Which half of which pair an image is."""

    pair: str
    role: Literal["start", "end"]


def parse_pair_name(stem: str) -> Half | None:
    """Read an image's half from its file name without the suffix, None where it is of no pair."""
    found = _HALF.fullmatch(stem)
    return Half(nfc(found["pair"]), cast(Literal["start", "end"], found["role"])) if found else None


def pair_findings(images: Iterable[FileEntry]) -> list[Finding]:
    """Find images without their other half; both halves are in one subfolder."""
    halves: dict[tuple[str, str], dict[str, FileEntry]] = defaultdict(dict)
    findings = []
    for image in images:
        half = parse_pair_name(image.stem)
        if half is None:
            remedy = "name the two images NN_start and NN_end, such as 01_start"
            findings.append(error("no-pair", image.name, "is of no pair", remedy))
        else:
            halves[image.folder, half.pair][half.role] = image
    for (_, pair), there in halves.items():
        for missing in {"start", "end"} - there.keys():
            (alone,) = there.values()
            reason = f"has no {pair}_{missing}"
            findings.append(error("half-a-pair", alone.name, reason, "add it, or remove this one"))
    return findings


def number_pairs(items: list[tuple[str, DatasetItem]]) -> list[DatasetItem]:
    """Number pairs by their content, so that renaming them changes nothing."""
    by_pair: dict[str, list[DatasetItem]] = defaultdict(list)
    for pair, item in items:
        by_pair[pair].append(item)
    ordered = sorted(by_pair.values(), key=lambda pair: sorted((i.role, i.sha256, i.caption or "") for i in pair))
    return [item.model_copy(update={"pair": number}) for number, pair in enumerate(ordered, 1) for item in pair]
