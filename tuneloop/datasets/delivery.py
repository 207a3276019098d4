"""What becomes of a dataset on its way to the trainer, as far as findings have to know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tuneloop.schemas.dataset import DatasetRequirements, ImagePreprocessing
from tuneloop.schemas.findings import Finding
from tuneloop.schemas.recipe_fields import BaseRecipe


class Delivery(NamedTuple):
    """How images and captions reach the trainer."""

    normalize: ImagePreprocessing | None = None
    """What the recipe asks to be done with images; copies are sent."""
    by_provider: bool = False
    """The provider fetches the zip by itself: nothing in it is turned, renamed or written anew."""
    trigger_word: str | None = None
    """The word that the captions of such a zip should hold. Elsewhere the caption rule puts it there."""

    @classmethod
    def of(cls, recipe: BaseRecipe, *, by_provider: bool) -> Delivery:
        return cls(recipe.normalize, by_provider, recipe.trigger if by_provider else None)


LOCAL_ARCHIVE = Delivery()
"""Packed anew, with images put upright and nothing else done to them."""
_CONVERTED = ("transparency", "cmyk", "sixteen-bit", "color-profile")
_COPY_SENT = "nothing to do: a plain copy is sent, the file stays unchanged"
_ZIP_ANEW = {
    "exif-rotation": "rotate its pixels and zip again: the provider fetches this zip itself",
    "misnamed": "name it by its content and zip again: the provider fetches this zip itself",
    "not-for-training": "take it out and zip again: the provider fetches this whole zip itself",
    "trigger-absent": "write it where it reads best, and zip again",
    **dict.fromkeys(_CONVERTED, "save it as plain 8-bit RGB, and zip again"),
}


def apply_delivery(
    findings: Iterable[Finding], profile: DatasetRequirements, sending: Delivery
) -> Iterator[Finding]:
    """Leave out what is fixed on the way, and tell what can be done about the rest."""
    fixed = _fixed(sending.normalize, profile)
    remedies = _ZIP_ANEW if sending.by_provider else {}
    if sending.normalize is not None and sending.normalize.convert_to_rgb:
        remedies = dict.fromkeys(_CONVERTED, _COPY_SENT)
    for finding in findings:
        if finding.check not in fixed:
            changed: dict[str, str] = {"remedy": remedies.get(finding.check, finding.remedy)}
            # Nothing can be left out of a zip that the provider fetches by itself.
            if sending.by_provider and finding.check == "not-for-training":
                changed |= {"severity": "error", "reason": finding.reason.replace("left out", "in the zip")}
            yield finding.model_copy(update=changed)


def _fixed(preprocessing: ImagePreprocessing | None, profile: DatasetRequirements) -> set[str]:
    """Checks that say nothing about the copies that are sent."""
    if preprocessing is None:
        return set()
    fixed = set()
    if preprocessing.reencode in profile.formats:
        fixed.add("format")
    if preprocessing.reencode in (profile.recommended_formats or profile.formats):
        fixed.add("unusual-format")
    if preprocessing.reencode != "keep" or preprocessing.longest_side_px is not None:
        fixed.add("large-zip")  # What the copies come to is not known before they are made.
    return fixed
