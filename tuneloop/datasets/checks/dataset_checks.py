"""What is wrong with a dataset as a whole: its numbers and size, doubles, and halves that do not fit."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from tuneloop.datasets.files import FileEntry
from tuneloop.datasets.images.near_duplicates import near_duplicates
from tuneloop.datasets.pairs import parse_pair_name
from tuneloop.schemas.dataset import DatasetRequirements, ImageInfo, Sha256
from tuneloop.schemas.findings import Finding, error, join_names, warning
from tuneloop.schemas.shown_text import printable

_TURNED = 5
"""From this EXIF orientation on, width and height change places."""
_BLACK_AND_WHITE = 0.94
"""Share of the widest possible spread. Photographs have up to 0.5, pages of text 0.7, masks with noise 0.97."""
_NEARLY_ONE_TONE = 1000
"""Below it an image is nearly black or white all over, which is told as that."""
_REPEATS = re.compile(r"(?:.*/)?([1-9]\d{0,2})_[^/]+", re.DOTALL)
_MIN_REPEATS = 2
_FOLDERS_NAMED = 10


class UsableImage(NamedTuple):
    """One usable image."""

    image: FileEntry
    facts: ImageInfo
    caption: str | None


def number_findings(number: int, profile: DatasetRequirements) -> list[Finding]:
    """Check how many images there are. An empty folder is told by the listing."""
    there = "there is 1 image" if number == 1 else f"there are {number} images"
    few, many = "add images", "remove images"
    least, most = profile.recommended_min_images, profile.recommended_max_images
    if 0 < number < profile.min_images:
        reason = f"{there}, and the trainer needs at least {profile.min_images}"
        return [error("too-few", None, reason, few)]
    if profile.max_images is not None and number > profile.max_images:
        reason = f"{there}, and the trainer takes at most {profile.max_images}"
        return [error("too-many", None, reason, many)]
    if least is not None and 0 < number < least:
        return [warning("few-images", None, f"{there}, and at least {least} are recommended", few)]
    if most is not None and number > most:
        return [warning("many-images", None, f"{there}, and at most {most} are recommended", many)]
    return []


def size_findings(zip_bytes: int, profile: DatasetRequirements) -> list[Finding]:
    """Check how large the zip gets."""
    size, remedy = f"the zip has {megabytes(zip_bytes)}", "scale images down, or save them as jpg"
    limit, recommended = profile.max_zip_bytes, profile.recommended_max_zip_bytes
    if limit is not None and zip_bytes > limit:
        return [error("zip-too-large", None, f"{size}, and the trainer takes {megabytes(limit)}", remedy)]
    if recommended is not None and zip_bytes > recommended:
        reason = f"{size}, and the provider names {megabytes(recommended)} as a limit of other trainers"
        return [warning("large-zip", None, reason, remedy)]
    return []


def set_findings(taken: list[UsableImage], profile: DatasetRequirements, *, pairs: bool) -> list[Finding]:
    """Check what images and their folders are among each other."""
    return [
        *_format_findings(taken, profile),
        *_mask_findings(taken),
        *_repeat_findings(taken),
        *_likeness_findings(taken, pairs=pairs),
    ]


def _format_findings(taken: list[UsableImage], profile: DatasetRequirements) -> list[Finding]:
    """Find formats that a trainer may skip; those that it refuses are told image by image."""
    advised = profile.recommended_formats
    unusual = [] if advised is None else [one for one in taken if one.facts.format in profile.formats - advised]
    if not unusual:
        return []
    names = join_names([one.image.name for one in unusual])
    are = "is of a format" if len(unusual) == 1 else "are of formats"
    reason = f"{names} {are} that the provider does not document and its trainer may skip"
    return [warning("unusual-format", None, reason, f"convert to {' or '.join(sorted(advised or ()))}")]


def _mask_findings(taken: list[UsableImage]) -> list[Finding]:
    """Find images of pure black and white among others: masks, most likely, whatever they are called.

    Where most are like that, it is how the subject looks.
    """
    found = [one for one in taken if _is_black_and_white(one.facts)]
    if not found or 2 * len(found) > len(taken):
        return []
    remedy = "take them out if they are masks"
    one = found[0].image.name if len(found) == 1 else None
    holds = "holds" if one else f"{len(found)} images ({join_names([one.image.name for one in found])}) hold"
    return [warning("black-and-white", one, f"{holds} almost nothing but black and white, as masks do", remedy)]


def _is_black_and_white(facts: ImageInfo) -> bool:
    """No brightness of this mean spreads wider than one of black and white alone does."""
    widest = facts.mean * (255 - facts.mean)
    return widest > _NEARLY_ONE_TONE and facts.spread**2 > _BLACK_AND_WHITE * widest


def _repeat_findings(taken: list[UsableImage]) -> list[Finding]:
    """Find folders that tell another trainer (kohya's) how often an image counts, such as `10_robot`."""
    repeats = {folder: found[1] for one in taken if (found := _REPEATS.fullmatch(folder := one.image.folder))}
    if len(set(repeats.values())) < _MIN_REPEATS:
        return []
    reason = f"the folders {join_names(sorted(repeats))} tell other trainers how often an image counts"
    remedy = "nothing to do if each image may count once"
    return [warning("folder-repeats", None, f"{reason}; here each one counts once", remedy)]


def _likeness_findings(taken: list[UsableImage], *, pairs: bool) -> list[Finding]:
    """Find images, or pairs, that are there twice, or nearly so, and halves that do not fit each other.

    The trainer sees such images twice as often as others. Pairs may share one of their images: one start with two
    edits is a good example of both.
    """
    examples = _pairs(taken) if pairs else [(one,) for one in taken]
    findings = [finding for pair in examples if pairs for finding in _halves(pair[0], pair[-1])]
    alike: dict[tuple[Sha256, ...], list[tuple[UsableImage, ...]]] = defaultdict(list)
    for example in examples:
        alike[tuple(one.facts.sha256 for one in example)].append(example)
    findings += [_duplicate(group) for group in alike.values() if len(group) > 1]
    clusters = [[group[0] for group in alike.values()]]
    for half in range(2 if pairs else 1):
        clusters = [
            [cluster[index] for index in near]
            for cluster in clusters
            for near in near_duplicates([example[half].facts.perceptual_hash for example in cluster])
        ]
    for cluster in clusters:
        first, *others = (example[-1].image.name for example in cluster)
        reason = f"is nearly the same image as {join_names(others)}"
        remedy = "keep the best one, if they show nothing different"
        findings.append(warning("near-duplicate", first, reason, remedy))
    return findings


def _pairs(taken: list[UsableImage]) -> list[tuple[UsableImage, ...]]:
    halves: dict[str, dict[str, UsableImage]] = defaultdict(dict)
    for one in taken:
        half = parse_pair_name(one.image.path.stem)
        if half is not None:
            halves[one.image.owner][half.role] = one
    return [(pair["start"], pair["end"]) for pair in halves.values() if pair.keys() == {"start", "end"}]


def _duplicate(group: list[tuple[UsableImage, ...]]) -> Finding:
    first, others = group[0][0], join_names([example[0].image.name for example in group[1:]])
    if len(group[0]) > 1:
        reason = f"and its other half are the same images as {others} and theirs"
        return warning("duplicate-pair", first.image.name, reason, "remove all pairs but one")
    check = "duplicate"
    reason = f"is the same image as {others}"
    if len({one.caption for (one,) in group}) > 1:
        check = "duplicate-other-caption"
        reason += ", with another caption"
    return warning(check, first.image.name, reason, "remove all but one")


def megabytes(size_bytes: int) -> str:
    """Spell a size for people."""
    return f"{size_bytes / 1_000_000:,.1f} MB"


def by_folder(folders: Mapping[str, int]) -> str:
    """Spell how many images come from which subfolder, so that one too many is seen."""
    most = sorted(folders.items(), key=lambda one: (-one[1], one[0]))
    told = [f"from {printable(name) or 'the folder itself'} ({count:,})" for name, count in most[:_FOLDERS_NAMED]]
    rest = len(most) - _FOLDERS_NAMED
    return ", ".join(told) + (f" and from {rest:,} more folders" if rest > 0 else "")


def _halves(start: UsableImage, end: UsableImage) -> list[Finding]:
    name, other = start.image.name, end.image.path.name
    if start.facts.sha256 == end.facts.sha256:
        reason = f"is the same image as {join_names([other])}, so there is no edit to learn"
        return [warning("same-halves", name, reason, "replace one of them with the edited image")]
    if _upright_size(start.facts) != _upright_size(end.facts):
        sizes = " and ".join("x".join(map(str, _upright_size(one.facts))) for one in (start, end))
        reason = f"and {join_names([other])} differ in size ({sizes})"
        remedy = "make them the same size, so that they line up"
        return [warning("halves-differ-in-size", name, reason, remedy)]
    return []


def _upright_size(facts: ImageInfo) -> tuple[int, int]:
    size = (facts.width_px, facts.height_px)
    return size[::-1] if facts.orientation >= _TURNED else size
