"""The grid of images: one row of images for each prompt and seed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from tuneloop.datasets.store import image_name
from tuneloop.evaluation.reports.html import full_if_truncated, truncate
from tuneloop.evaluation.reports.observations import is_copy, largest_changes, observations
from tuneloop.evaluation.reports.report import DecisionReport
from tuneloop.schemas.evaluation import EvaluatedImage

_HEADING_CHARACTERS = 160
_ALTERNATIVE_CHARACTERS = 120


class ImageCell(NamedTuple):
    """One image of a row, or the place where it is missing."""

    role: str
    """`champion`, `challenger`, `training` or `before`."""
    label: str
    caption: str
    alternative: str
    """What it is, for those who cannot see it."""
    name: str | None
    """Within the store; None where it does not exist."""
    note: str | None = None
    wrong: bool = False
    """Whether the note is a finding."""


class Pair(NamedTuple):
    """One prompt and seed."""

    number: int
    """Its place in the plan, from 1."""
    seed: int
    cells: tuple[ImageCell, ...]
    """From left to right."""
    changes: str
    """The scores that differ most; empty where none does visibly."""


class PromptRow(NamedTuple):
    """All pairs of one prompt."""

    prompt: str
    """Short enough for a heading."""
    full_prompt: str | None
    """Where it is longer than that."""
    pairs: tuple[Pair, ...]


def prompt_rows(report: DecisionReport) -> tuple[PromptRow, ...]:
    """Lay out every image of the plan."""
    new = report.challenger.images
    old = report.champion.images if report.champion else (None,) * len(new)
    pairs = [
        Pair(
            number,
            challenger.seed,
            tuple(_cells(report, challenger, champion)),
            largest_changes(challenger, champion) if champion else "",
        )
        for number, (challenger, champion) in enumerate(zip(new, old, strict=True), 1)
    ]
    grouped = groupby(zip(new, pairs, strict=True), key=lambda each: each[0].prompt)
    return tuple(
        PromptRow(
            truncate(prompt, _HEADING_CHARACTERS) or "(empty prompt)",
            full_if_truncated(prompt, _HEADING_CHARACTERS),
            tuple(pair for _, pair in group),
        )
        for prompt, group in grouped
    )


def champion_label(report: DecisionReport) -> str:
    """What the champion is called on the page."""
    return f"Champion v{report.current_champion.number}" if report.current_champion else "Champion"


def _cells(
    report: DecisionReport, challenger: EvaluatedImage, champion: EvaluatedImage | None
) -> Iterator[ImageCell]:
    what = f"{truncate(challenger.prompt, _ALTERNATIVE_CHARACTERS)}, seed {challenger.seed}"
    if challenger.edited:
        name = image_name(challenger.edited)
        yield ImageCell("before", "Before the edit", "Before", f"Before the edit: {what}", name)
    if champion is not None:
        yield _rendered("champion", champion_label(report), what, champion)
    yield _rendered("challenger", "Challenger", what, challenger)
    if challenger.nearest:
        label, name = "Nearest training image", image_name(challenger.nearest)
        share, wrong = f"{challenger.copied:.0%} the same", is_copy(challenger)
        yield ImageCell("training", label, "Training", f"{label} to: {what}", name, share, wrong)


def _rendered(role: str, label: str, what: str, image: EvaluatedImage) -> ImageCell:
    note = observations(image)
    return ImageCell(role, label, label, f"{label}: {what}", image.name, note, note is not None)
