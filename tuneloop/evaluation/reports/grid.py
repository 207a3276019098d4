"""The grid of images: one row of images for each prompt and seed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from tuneloop.datasets.store import image_name
from tuneloop.evaluation.observations import changed, is_copy, noticed
from tuneloop.evaluation.reports.embedded import Embedded, embed
from tuneloop.evaluation.reports.report import DecisionReport
from tuneloop.evaluation.reports.shortening import shortened, whole_if_cut
from tuneloop.evaluation.reports.stored import StoreLink, stored
from tuneloop.schemas.evaluation import EvaluatedImage
from tuneloop.storage.base import Store

_PROMPT_IN_HEADING = 160
_PROMPT_IN_ALTERNATIVE = 120


@dataclass(frozen=True)
class ImageCell:
    """One image of a row, or the place where it is missing.

    Attributes:
        role: `champion`, `challenger`, `training` or `before`.
        label: What it is.
        caption: What it is, in a word.
        alternative: What it is, for those who cannot see it.
        image: The image, None where there is none or it cannot be read.
        full: Where it lies in full, None where it does not exist.
        note: What is said about it.
        wrong: Whether that note is a finding.
    """

    role: str
    label: str
    caption: str
    alternative: str
    image: Embedded | None
    full: StoreLink | None
    note: str | None
    wrong: bool = False


@dataclass(frozen=True)
class Pair:
    """One prompt and seed.

    Attributes:
        number: Its place in the plan, from 1.
        seed: The seed.
        shown: Its images, from left to right.
        changed: The scores that differ most; empty where none does visibly.
    """

    number: int
    seed: int
    shown: tuple[ImageCell, ...]
    changed: str

    @property
    def has_nearest(self) -> bool:
        """Whether a training image is shown; where it is not, its room is left free."""
        return any(shown.role == "training" for shown in self.shown)


@dataclass(frozen=True)
class Scene:
    """All pairs of one prompt.

    Attributes:
        prompt: The prompt, short enough for a heading.
        whole: The whole prompt where it is longer than that.
        pairs: One for each seed.
    """

    prompt: str
    whole: str | None
    pairs: tuple[Pair, ...]


def scenes(store: Store, evidence: DecisionReport) -> tuple[Scene, ...]:
    """Lay out every image of the plan."""
    new = evidence.challenger.images
    old = evidence.champion.images if evidence.champion else (None,) * len(new)
    rows = [_wanted(evidence, *pair) for pair in zip(new, old, strict=True)]
    embedded = embed(store, [want.name for row in rows for want in row if want.name])
    pairs = [
        Pair(
            number,
            challenger.seed,
            tuple(_shown(store, want, embedded) for want in row),
            _changes(challenger, champion),
        )
        for number, (challenger, champion, row) in enumerate(zip(new, old, rows, strict=True), 1)
    ]
    grouped = groupby(zip(new, pairs, strict=True), key=lambda each: each[0].prompt)
    return tuple(
        Scene(
            shortened(prompt, _PROMPT_IN_HEADING) or "(empty prompt)",
            whole_if_cut(prompt, _PROMPT_IN_HEADING),
            tuple(pair for _, pair in group),
        )
        for prompt, group in grouped
    )


def champion_label(evidence: DecisionReport) -> str:
    """What the champion is called on the page."""
    return f"Champion no. {evidence.reigning.number}" if evidence.reigning else "Champion"


def _changes(challenger: EvaluatedImage, champion: EvaluatedImage | None) -> str:
    return changed(challenger, champion) if champion else ""


@dataclass(frozen=True)
class _Want:
    """An image to be shown, before it is read."""

    role: str
    label: str
    caption: str
    alternative: str
    name: str | None
    note: str | None
    wrong: bool


def _wanted(evidence: DecisionReport, challenger: EvaluatedImage, champion: EvaluatedImage | None) -> list[_Want]:
    what = f"{shortened(challenger.prompt, _PROMPT_IN_ALTERNATIVE)}, seed {challenger.seed}"
    wants = []
    if challenger.edited:
        name = image_name(challenger.edited)
        wants.append(
            _Want("before", "Before the edit", "Before", f"Before the edit: {what}", name, None, wrong=False)
        )
    if champion is not None:
        wants.append(_rendered("champion", champion_label(evidence), what, champion))
    wants.append(_rendered("challenger", "Challenger", what, challenger))
    if challenger.nearest:
        share = f"{challenger.copied:.0%} the same"
        label = "Nearest training image"
        name = image_name(challenger.nearest)
        wants.append(
            _Want("training", label, "Training", f"{label} to: {what}", name, share, wrong=is_copy(challenger))
        )
    return wants


def _rendered(role: str, label: str, what: str, image: EvaluatedImage) -> _Want:
    wrong = noticed(image)
    return _Want(role, label, label, f"{label}: {what}", image.name, wrong, wrong=wrong is not None)


def _shown(store: Store, want: _Want, embedded: dict[str, Embedded]) -> ImageCell:
    return ImageCell(
        role=want.role,
        label=want.label,
        caption=want.caption,
        alternative=want.alternative,
        image=embedded.get(want.name) if want.name else None,
        full=stored(store, want.name) if want.name else None,
        note=want.note,
        wrong=want.wrong,
    )
