"""What is wrong with a dataset's captions, apart from their files."""

from __future__ import annotations

from collections.abc import Iterable

from tuneloop.datasets.caption_sources import Captions, CaptionText
from tuneloop.datasets.captions import CaptionRule, count_word, one_line, words_of
from tuneloop.datasets.delivery import Delivery
from tuneloop.datasets.files import FileEntry
from tuneloop.schemas.dataset import DatasetRequirements
from tuneloop.schemas.findings import Finding, error, join_names, warning

_FEW_CAPTIONS = 3
"""Up to so many equal captions are no sign of a mistake."""


def caption_findings(
    images: Iterable[FileEntry],
    captions: Captions,
    rule: CaptionRule,
    profile: DatasetRequirements,
    sending: Delivery,
) -> list[Finding]:
    """Check captions against what they are for."""
    owners: dict[str, str] = {}
    for image in images:
        owners.setdefault(image.owner, image.name)
    written = {owner: captions.by_owner[owner] for owner in owners if owner in captions.by_owner}
    said = [caption for caption in written.values() if words_of(caption.text)]
    empty = {owner: caption for owner, caption in written.items() if not words_of(caption.text)}
    missing = {owner: name for owner, name in owners.items() if owner not in written}
    without = {**missing, **{owner: owners[owner] for owner in empty}}
    findings = _refusals(without, captions, rule, profile, len(owners))
    if not findings:
        instead = _instead(rule, sending)
        fault = f"without words; {instead}"
        findings += _warn("empty-caption", list(empty.values()), fault, "write it, or remove the file")
        untold = [name for owner, name in missing.items() if owner not in captions.reported]
        findings += _missing(untold, said, instead)
    if sending.by_provider:
        findings += _unread(said)
    return findings + _lines(said) + _same(said) + _trigger(said, rule, sending) + _long(said, rule, profile)


def _refusals(
    without: dict[str, str], captions: Captions, rule: CaptionRule, profile: DatasetRequirements, number: int
) -> list[Finding]:
    """Find what no training should start without; kohya_ss#2758 went on with 9 of 9 captions missing."""
    if not without or rule.caption_as_sent("") is not None:
        return []
    if profile.captions_required:
        reason = "has no caption, and this trainer requires one"
        return [error("caption-needed", name, reason, "write one beside it") for name in without.values()]
    if rule.provider_captions or len(without) < number or without.keys() & captions.reported:
        return []
    reason = "no image has a caption, and neither the recipe nor the provider supplies one"
    return [error("no-captions", None, reason, "write captions beside the images, or set an instance prompt")]


def _missing(names: list[str], said: list[CaptionText], instead: str) -> list[Finding]:
    """Some images without a caption are told; where all are, that is how the recipe wants it."""
    if not names or not said:
        return []
    one = names[0] if len(names) == 1 else None
    fault = "has no caption" if one else f"{len(names)} images have no caption ({join_names(names)})"
    remedy = "write captions for all images or for none"
    return [warning("missing-caption", one, f"{fault}; {instead}", remedy)]


def _instead(rule: CaptionRule, sending: Delivery) -> str:
    if sending.by_provider:
        return "none is sent"
    if rule.caption_as_sent("") is not None:
        return "the instance prompt is sent in its place"
    return "the provider writes it" if rule.provider_captions else "none is sent"


def _unread(said: list[CaptionText]) -> list[Finding]:
    """Find captions that are read here only. Source: an open Flux worker, which knows .txt files alone."""
    unread = [caption for caption in said if not caption.file.lower().endswith(".txt")]
    fault = "that the provider does not read: it fetches this zip itself and reads only .txt files"
    return _warn("caption-unread", unread, fault, "write it into a .txt with the image's name, and zip again")


def _lines(said: list[CaptionText]) -> list[Finding]:
    """Find captions of several lines: kohya's scripts take each for a caption of its own, or the first alone."""
    several = [one for one in said if sum(bool(words_of(line)) for line in one.text.splitlines()) > 1]
    remedy = "optional: keep the line that is meant"
    return _warn("caption-lines", several, "of several lines, sent as one", remedy)


def _same(said: list[CaptionText]) -> list[Finding]:
    if len(said) <= _FEW_CAPTIONS or len({words_of(caption.text) for caption in said}) > 1:
        return []
    reason = f"all {len(said)} captions are the same"
    return [warning("same-captions", None, reason, "describe what differs between the images")]


def _trigger(said: list[CaptionText], rule: CaptionRule, sending: Delivery) -> list[Finding]:
    word = one_line(rule.trigger_word or sending.trigger_word or "")
    if not word:
        return []
    lacking = [caption for caption in said if count_word(word, words_of(caption.text)) == 0]
    twice = [caption for caption in said if count_word(word, words_of(caption.text)) > 1]
    shown = join_names([word])
    absent = f"without the trigger word {shown}{'' if sending.by_provider else ', which is put in front'}"
    return [
        *_warn("trigger-absent", lacking, absent, "optional: write it where it reads best"),
        *_warn("trigger-twice", twice, f"with the trigger word {shown} more than once", "name it once"),
    ]


def _long(said: list[CaptionText], rule: CaptionRule, profile: DatasetRequirements) -> list[Finding]:
    if profile.max_caption_length is None:
        return []
    most = profile.max_caption_length
    too_long = [caption for caption in said if len(rule.caption_as_sent(caption.text) or "") > most]
    fault = f"of more than {most} characters; the trainer may cut it off"
    return _warn("long-caption", too_long, fault, "shorten it")


def _warn(check: str, captions: list[CaptionText], fault: str, remedy: str) -> list[Finding]:
    """One warning for all captions that share a fault, with the file where it is only one."""
    if not captions:
        return []
    if len(captions) == 1:
        where = "is" if captions[0].line is None else f"line {captions[0].line} is"
        return [warning(check, captions[0].file, f"{where} a caption {fault}", remedy)]
    places = join_names([caption.place for caption in captions])
    return [warning(check, None, f"there are {len(captions)} captions {fault}: {places}", remedy)]
