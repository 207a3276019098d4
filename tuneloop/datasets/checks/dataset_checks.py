"""What is wrong with a dataset as a whole: its numbers and size, doubles, and halves that do not fit."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from tuneloop.datasets.images.near_duplicates import near_duplicates
from tuneloop.datasets.pairs import parse_pair_name
from tuneloop.schemas.findings import Finding, error, join_names, warning
from tuneloop.schemas.shown_text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuneloop.datasets.listing import DatasetFile
    from tuneloop.schemas.dataset import Sha256
    from tuneloop.schemas.dataset_profile import DatasetRequirements
    from tuneloop.schemas.image_facts import ImageInfo

_TURNED = 5
"""From this EXIF orientation on, width and height change places."""

_BLACK_AND_WHITE = 0.94
"""Share of the widest possible spread. Photographs have up to 0.5, pages of text 0.7, masks with noise 0.97."""
_NEARLY_ONE_TONE = 1000
"""Below it an image is nearly black or white all over, which is told as that."""
_REPEATS = re.compile(r"(?:.*/)?([1-9]\d{0,2})_[^/]+", re.DOTALL)
_FEWEST_REPEATS = 2
_FOLDERS_NAMED = 10


class Taken(NamedTuple):
    """One usable image."""

    image: DatasetFile
    facts: ImageInfo
    caption: str | None


def number_findings(number: int, profile: DatasetRequirements) -> list[Finding]:
    """Check how many images there are. An empty folder is told by the listing."""
    there, few, many = _images(number), "add images", "remove images"
    least, most = profile.recommended_min_images, profile.recommended_max_images
    if 0 < number < profile.min_images:
        reason = f"{there}, and {profile.min_images} are the fewest that the trainer takes"
        return [error("too-few", None, reason, few)]
    if profile.max_images is not None and number > profile.max_images:
        reason = f"{there}, and {profile.max_images} are the most that the trainer takes"
        return [error("too-many", None, reason, many)]
    if least is not None and 0 < number < least:
        return [warning("few-images", None, f"{there}, and at least {least} are advised", few)]
    if most is not None and number > most:
        return [warning("many-images", None, f"{there}, and at most {most} are advised", many)]
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


def set_findings(taken: list[Taken], profile: DatasetRequirements) -> list[Finding]:
    """Check what images and their folders are among each other."""
    return format_findings(taken, profile) + mask_findings(taken) + repeat_findings(taken)


def format_findings(taken: list[Taken], profile: DatasetRequirements) -> list[Finding]:
    """Find formats that a trainer may skip; those that it refuses are told image by image."""
    advised = profile.recommended_formats
    odd = [] if advised is None else [one for one in taken if one.facts.format in profile.formats - advised]
    if not odd:
        return []
    names = join_names([one.image.name for one in odd])
    are = "is of a format" if len(odd) == 1 else "are of formats"
    reason = f"{names} {are} that no page of the provider names, and that its trainer may skip"
    return [warning("unusual-format", None, reason, f"convert to {' or '.join(sorted(advised or ()))}")]


def mask_findings(taken: list[Taken]) -> list[Finding]:
    """Find images of pure black and white among others: masks, most likely, whatever they are called.

    Where most are like that, it is how the subject looks.
    """
    found = [one for one in taken if _is_black_and_white(one.facts)]
    if not found or 2 * len(found) > len(taken):
        return []
    remedy = "take them out if they are masks"
    one = found[0].image.name if len(found) == 1 else None
    holds = "holds" if one else f"{len(found)} images ({join_names([one.image.name for one in found])}) hold"
    return [warning("black-and-white", one, f"{holds} next to nothing but black and white, as masks do", remedy)]


def _is_black_and_white(facts: ImageInfo) -> bool:
    """No brightness of this mean spreads wider than one of black and white alone does."""
    widest = facts.mean * (255 - facts.mean)
    return widest > _NEARLY_ONE_TONE and facts.spread**2 > _BLACK_AND_WHITE * widest


def repeat_findings(taken: list[Taken]) -> list[Finding]:
    """Find folders that tell another trainer (kohya's) how often an image counts, such as `10_robot`."""
    repeats = {folder: found[1] for one in taken if (found := _REPEATS.fullmatch(folder := one.image.folder))}
    if len(set(repeats.values())) < _FEWEST_REPEATS:
        return []
    reason = f"the folders {join_names(sorted(repeats))} tell other trainers how often an image counts"
    remedy = "nothing, if every image may count once"
    return [warning("folder-repeats", None, f"{reason}; here each one counts once", remedy)]


def likeness_findings(taken: list[Taken]) -> list[Finding]:
    """Find single images that are there twice, or nearly so: the trainer sees them twice as often as others."""
    findings = []
    alike: dict[Sha256, list[Taken]] = defaultdict(list)
    for one in taken:
        alike[one.facts.sha256].append(one)
    for group in alike.values():
        if len(group) > 1:
            others = join_names([one.image.name for one in group[1:]])
            check = "duplicate"
            reason = f"is the same image as {others}"
            if len({one.caption for one in group}) > 1:
                check = "duplicate-other-caption"
                reason += ", with another caption"
            findings.append(warning(check, group[0].image.name, reason, "remove all but one"))
    firsts = [group[0] for group in alike.values()]
    return findings + [_near([one.image.name for one in group]) for group in _near_groups(firsts)]


def pair_likeness_findings(taken: list[Taken]) -> list[Finding]:
    """Find pairs that are there twice, or nearly so, and halves that do not fit each other.

    Pairs may share one of their images: one start with two edits is a good example of both.
    """
    halves: dict[str, dict[str, Taken]] = defaultdict(dict)
    for one in taken:
        half = parse_pair_name(one.image.path.stem)
        if half is not None:
            halves[one.image.owner][half.role] = one
    pairs = [(pair["start"], pair["end"]) for pair in halves.values() if pair.keys() == {"start", "end"}]
    findings = []
    alike: dict[tuple[Sha256, Sha256], list[tuple[Taken, Taken]]] = defaultdict(list)
    for start, end in pairs:
        findings += _halves(start, end)
        alike[start.facts.sha256, end.facts.sha256].append((start, end))
    for group in alike.values():
        if len(group) > 1:
            others = join_names([start.image.name for start, _ in group[1:]])
            reason = f"and its other half are the same images as {others} and theirs"
            findings.append(warning("duplicate-pair", group[0][0].image.name, reason, "remove all pairs but one"))
    ends = {id(group[0][0]): group[0][1] for group in alike.values()}
    for near_starts in _near_groups([group[0][0] for group in alike.values()]):
        near_ends = _near_groups([ends[id(start)] for start in near_starts])
        findings += [_near([end.image.name for end in cluster]) for cluster in near_ends]
    return findings


def megabytes(size_bytes: int) -> str:
    """Spell a size for people."""
    return f"{size_bytes / 1_000_000:,.1f} MB"


def by_folder(folders: Mapping[str, int]) -> str:
    """Spell how many images come from which subfolder, so that one too many is seen."""
    most = sorted(folders.items(), key=lambda one: (-one[1], one[0]))
    told = [f"from {printable(name) or 'the folder itself'} ({count:,})" for name, count in most[:_FOLDERS_NAMED]]
    rest = len(most) - _FOLDERS_NAMED
    return ", ".join(told) + (f" and from {rest:,} more folders" if rest > 0 else "")


def _halves(start: Taken, end: Taken) -> list[Finding]:
    name, other = start.image.name, end.image.path.name
    if start.facts.sha256 == end.facts.sha256:
        reason = f"is the same image as {join_names([other])}, so that there is no edit to learn"
        return [warning("same-halves", name, reason, "put the edited image in place of one")]
    if _upright_size(start.facts) != _upright_size(end.facts):
        sizes = " and ".join("x".join(map(str, _upright_size(one.facts))) for one in (start, end))
        reason = f"and {join_names([other])} differ in size ({sizes})"
        return [
            warning("halves-differ-in-size", name, reason, "make them one size, so that they cover each other")
        ]
    return []


def _upright_size(facts: ImageInfo) -> tuple[int, int]:
    size = (facts.width_px, facts.height_px)
    return size[::-1] if facts.orientation >= _TURNED else size


def _near_groups(taken: list[Taken]) -> list[list[Taken]]:
    found = near_duplicates([one.facts.perceptual_hash for one in taken])
    return [[taken[index] for index in cluster] for cluster in found]


def _near(names: list[str]) -> Finding:
    reason = f"is nearly the same image as {join_names(names[1:])}"
    return warning("near-duplicate", names[0], reason, "keep the best one, if they show nothing different")


def _images(number: int) -> str:
    return "there is 1 image" if number == 1 else f"there are {number} images"
