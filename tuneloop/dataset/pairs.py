"""Edit pairs: `NN_start`, `NN_end` and, if wanted, `NN.txt`.

Source: Segmind, its repository of Kontext sample datasets (names; two digits are advised, one digit occurs).
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import NamedTuple

from tuneloop.values.dataset import DatasetItem

_HALF = re.compile(r"(?P<pair>.+)_(?P<role>start|end)")


class Half(NamedTuple):
    """Which half of which pair a picture is."""

    pair: str
    role: str


def half_of(stem: str) -> Half | None:
    """Read a picture's half from its file name without the suffix, None where it is of no pair."""
    found = _HALF.fullmatch(stem)
    return Half(found["pair"], found["role"]) if found else None


def pair_problems(picture_stems: list[str], caption_stems: list[str]) -> list[str]:
    """Find pictures without their other half, and captions without a pair.

    Returns:
        One sentence each: file, reason, remedy.
    """
    halves: dict[str, set[str]] = defaultdict(set)
    problems = []
    for stem in picture_stems:
        half = half_of(stem)
        if half is None:
            problems.append(f"{stem}: is of no pair; name the two pictures NN_start and NN_end, such as 01_start")
        else:
            halves[half.pair].add(half.role)
    for pair, roles in sorted(halves.items()):
        for missing in {"start", "end"} - roles:
            there = "end" if missing == "start" else "start"
            problems.append(f"{pair}_{there}: has no {pair}_{missing}; add it, or remove this one")
    problems += [
        f"{stem}.txt: is a caption without a pair; name it after its pair, such as 01.txt, or remove it"
        for stem in caption_stems
        if stem not in halves
    ]
    return problems


def numbered(items: list[tuple[str, DatasetItem]]) -> list[DatasetItem]:
    """Number pairs by their content, so that renaming them changes nothing.

    Args:
        items: The name of each picture's pair, and the picture.
    """
    by_pair: dict[str, list[DatasetItem]] = defaultdict(list)
    for pair, item in items:
        by_pair[pair].append(item)
    ordered = sorted(by_pair.values(), key=lambda pair: sorted((i.role, i.sha256, i.caption or "") for i in pair))
    return [item.model_copy(update={"pair": number}) for number, pair in enumerate(ordered, 1) for item in pair]
