"""Images that other trainers keep beside the ones to train on: masks, condition maps, regularization, samples.

A name says little by itself: a mask counts as one where the image is there that it belongs to, and a folder of
samples where there are images outside. So a dataset of masks for carnival can be trained on.

Sources: OneTrainer (`NAME-masklabel`, `NAME-condlabel`), ai-toolkit (`_controls/NAME.depth`), kohya's sd-scripts
(`reg`, `sample`), diffusers (`class_images`, `conditioning_images`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from tuneloop.datasets.files import FileEntry, nfc
from tuneloop.schemas.findings import Finding, error, join_names, warning

_MASK = r"(?:alpha|inpaint)?masks?(?:label)?|seg(?:m|map|mask|mentations?(?:class|object)?)?|trimaps?"
_MAP = (
    r"cond(?:s|label|itions?|itioning)?|depths?|canny|hed|softedges?|openpose|dwpose|densepose|mlsd|normals|"
    r"(?:depth|normal|edge|pose|lineart|control)maps?"
)
_PERHAPS = r"controls?|hints?|mattes?|alphas?|thumb(?:nail)?s?|scribbles?|lineart|gt"
"""Words that have other meanings too."""
_MORE_FOLDERS = r"labels?|annotations?|groundtruth"
_MORE_NAMES = r"pose|normal|edges?|sketch"
_REGULAR = r"reg(?:s|ulari[sz]ations?)?|(?:class|prior)(?=.)(?:preservation)?"
_SAMPLE = r"(?:training|validation)?samples?"
_STORED = r"(?:images?|imgs?|pics?|pictures?|data|dirs?|sets?|files?|outputs?)?"


def _folders(words: str) -> re.Pattern[str]:
    return re.compile(f"(?:{words}){_STORED}")


def _names(words: str) -> re.Pattern[str]:
    """`NAME_mask`, `NAME.mask 2`, `NAME (mask)`, `mask-NAME`, also with what a tool adds to the word."""
    gap = r"[\s._()\[\]-]+"
    word = rf"(?P<{{}}>{words})(?:[ _-]?(?:maps?|images?|img))?"
    behind = rf"(?P<of>.+?){gap}{word.format('behind')}(?:[ _-]?\d+)?[)\]]?"
    return re.compile(rf"{behind}|{word.format('before')}{gap}(?P<for>.+)", re.IGNORECASE | re.DOTALL)


_COMPANION, _UNCLEAR = "masks or maps of other images", ""
_FOLDERS = {
    _COMPANION: _folders(f"{_MASK}|{_MAP}"),
    _UNCLEAR: _folders(f"{_PERHAPS}|{_MORE_FOLDERS}"),
    "regularization images": _folders(_REGULAR),
    "samples of a training": _folders(_SAMPLE),
}
_MASK_FOLDERS = _folders(_MASK)
_COMPANION_NAMES, _PERHAPS_NAMES = _names(f"{_MASK}|{_MAP}"), _names(f"{_PERHAPS}|{_MORE_NAMES}")


def split_auxiliary(
    images: list[FileEntry], *, pairs: bool
) -> tuple[list[FileEntry], list[FileEntry], list[Finding]]:
    """Tell images to train on from what lies beside them, by their names. Returns both, and what to say of it."""
    kinds = {file: _kind_of_folder(file.folder, pairs=pairs) for file in images}
    outside = [file for file in images if kinds[file] is None]
    names = {_name(file.stem) for file in outside}
    if not outside:
        return images, [], []
    paired = {file.folder for file in images if _name(file.stem) in names or _subject(file, names)}
    excluded: dict[str, list[FileEntry]] = defaultdict(list)
    rejected = []
    companions = _companions(outside, names)
    for file, kind in kinds.items():
        if file in companions or (kind in {_COMPANION, _UNCLEAR} and file.folder in paired):
            excluded[_COMPANION].append(file)
        elif kind == _COMPANION:
            rejected.append(file)
        elif kind:
            excluded[kind].append(file)
    left_out = {file for group in excluded.values() for file in group} | set(rejected)
    findings = [_left_out(kind, [file.name for file in group]) for kind, group in excluded.items()]
    findings += [_refused([file.name for file in rejected])] if rejected else []
    return [file for file in images if file not in left_out], [*left_out], findings


def _kind_of_folder(folder: str, *, pairs: bool) -> str | None:
    """What other trainers keep in a folder of this name, whatever stands around the words; None for any other."""
    for part in folder.lower().split("/"):
        letters = "".join(letter for letter in part if letter.isalpha())
        kinds = (kind for kind, words in _FOLDERS.items() if words.fullmatch(letters))
        kind = next(kinds, _UNCLEAR if _COMPANION_NAMES.fullmatch(part) else None)
        may_be_half_of_a_pair = pairs and kind in {_COMPANION, _UNCLEAR} and not _MASK_FOLDERS.fullmatch(letters)
        if kind is not None and not may_be_half_of_a_pair:
            return kind
    return None


def _companions(files: list[FileEntry], names: set[str]) -> set[FileEntry]:
    """Find images that are named after another one. Words of other meanings count where half of all have one."""
    sure = {file for file in files if _subject(file, names)}
    perhaps = {file: _PERHAPS_NAMES.fullmatch(file.stem) for file in files if file not in sure}
    words = {
        file: (found["behind"] or found["before"]).lower()
        for file, found in perhaps.items()
        if found and _name(found["of"] or found["for"]) in names
    }
    subjects = len(perhaps) - len(words)
    usual = {word for word, count in Counter(words.values()).items() if count > 1 and 2 * count >= subjects}
    return sure | {file for file, word in words.items() if word in usual}


def _subject(file: FileEntry, names: set[str]) -> str | None:
    stem = file.stem
    while found := _COMPANION_NAMES.fullmatch(stem):
        stem = found["of"] or found["for"]
        if _name(stem) in names:
            return stem
    return None


def _name(stem: str) -> str:
    return nfc(stem).casefold()


def _left_out(kind: str, names: list[str]) -> Finding:
    one = names[0] if len(names) == 1 else None
    are = "is" if one else f"{len(names)} images ({join_names(names)}) are"
    remedy = "optional: rename what is to be trained on"
    return warning("not-for-training", one, f"{are} left out: {kind}", remedy)


def _refused(names: list[str]) -> Finding:
    one = names[0] if len(names) == 1 else None
    lie = "lies" if one else f"{len(names)} images ({join_names(names)}) lie"
    reason = f"{lie} where other trainers keep masks or maps, but no other image has such a name"
    return error("not-for-training", one, reason, "rename the folder if they are to be trained on, or take it out")
