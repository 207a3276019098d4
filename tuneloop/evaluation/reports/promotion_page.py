"""The page of one decision: the verdict, the images side by side, and everything it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from pydantic import JsonValue

from tuneloop.datasets.store import image_name
from tuneloop.evaluation.metrics.copy_detection import COPY_THRESHOLD
from tuneloop.evaluation.reports.answer import MARKERS
from tuneloop.evaluation.reports.images import embed
from tuneloop.evaluation.reports.report import DecisionReport, is_copy, observations
from tuneloop.evaluation.reports.scores import ScoreTable, largest_changes
from tuneloop.evaluation.reports.template import fill_page, truncate
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation, GatePolicy
from tuneloop.schemas.spending import dollars, missing_prices
from tuneloop.storage.base import Store

_PROMPT_CHARACTERS = 80
_ALTERNATIVE_CHARACTERS = 120


class _Cell(NamedTuple):
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


class _Pair(NamedTuple):
    """One prompt and seed."""

    number: int
    """Its place in the plan, from 1."""
    prompt: str
    seed: int
    cells: tuple[_Cell, ...]
    """From left to right."""
    changes: str
    """The scores that differ most; empty where none does visibly."""


def write_page(store: Store, report: DecisionReport) -> str:
    """Write the whole report as one HTML file that asks nobody for anything, below 2 MB for some hundred images.

    The store is where the images are and where the page will lie: its links are relative to that place.
    """
    pairs = list(_pairs(report))
    return fill_page(
        "report.html",
        store,
        script="script.js",
        report=report,
        markers=MARKERS,
        # Once it is promoted; a challenger that is champion already keeps its number.
        version=(report.champion_history[-1].number if report.champion_history else 0) + 1,
        prompt=_example_prompt(report),
        copy_threshold=f"{COPY_THRESHOLD:.0%}",
        scenes=[(prompt, list(same)) for prompt, same in groupby(pairs, key=lambda pair: pair.prompt)],
        images=embed(store, [cell.name for pair in pairs for cell in pair.cells if cell.name]),
        scores=ScoreTable(report.result.differences, report.run.plan.gate),
        findings=list(_findings(report)),
        rendered=_rendered,
        image_price=_image_price(report.cents_per_image),
        missing_prices=missing_prices(report.run.credentials, report.cents, report.cents_per_image),
        recipe=list(_flat("", report.run.recipe)),
        rule=[
            (name.replace("_", " "), getattr(report.run.plan.gate, name), field.description or "")
            for name, field in GatePolicy.model_fields.items()
            if name != "weights"
        ],
    )


def _example_prompt(report: DecisionReport) -> str:
    """A prompt of the plan, as it is typed in Python."""
    return repr(truncate(report.challenger.images[0].prompt, _PROMPT_CHARACTERS))


def _pairs(report: DecisionReport) -> Iterator[_Pair]:
    new = report.challenger.images
    old = report.champion.images if report.champion else (None,) * len(new)
    for number, (challenger, champion) in enumerate(zip(new, old, strict=True), 1):
        changes = largest_changes(challenger, champion) if champion else ""
        cells = tuple(_cells(report, challenger, champion))
        yield _Pair(number, challenger.prompt, challenger.seed, cells, changes)


def _cells(report: DecisionReport, challenger: EvaluatedImage, champion: EvaluatedImage | None) -> Iterator[_Cell]:
    what = f"{truncate(challenger.prompt, _ALTERNATIVE_CHARACTERS)}, seed {challenger.seed}"
    if challenger.edited:
        name = image_name(challenger.edited)
        yield _Cell("before", "Before the edit", "Before", f"Before the edit: {what}", name)
    for role, label, image in (
        ("champion", _champion_label(report), champion),
        ("challenger", "Challenger", challenger),
    ):
        if image is not None:
            note = observations(image)
            yield _Cell(role, label, label, f"{label}: {what}", image.name, note, note is not None)
    if challenger.nearest:
        label, name = "Nearest training image", image_name(challenger.nearest)
        share, wrong = f"{challenger.copied:.0%} the same", is_copy(challenger)
        yield _Cell("training", label, "Training", f"{label} to: {what}", name, share, wrong)


def _champion_label(report: DecisionReport) -> str:
    return f"Champion v{report.current_champion.number}" if report.current_champion else "Champion"


def _findings(report: DecisionReport) -> Iterator[tuple[int, str, str, str]]:
    """Everything wrong with any image, the challenger's first: its pair, whose it is, what is wrong, and where."""
    for label, evaluation in (("Challenger", report.challenger), (_champion_label(report), report.champion)):
        for number, image in enumerate(evaluation.images if evaluation else (), 1):
            if wrong := observations(image):
                yield number, label, wrong, f"{truncate(image.prompt, _PROMPT_CHARACTERS)}, seed {image.seed}"


def _rendered(evaluation: Evaluation) -> str:
    count = sum(image.name is not None for image in evaluation.images)
    text = f"{count} of {len(evaluation.images)}; those of earlier decisions are used again and cost nothing"
    if evaluation.asked_again:
        text += f". {evaluation.asked_again} requested once more, because a response was lost: each may be billed"
    return text


def _image_price(cents: float | None) -> str:
    if cents is None:
        return ""
    return ". A new one costs " + (f"${cents / 100:.4f}".rstrip("0") if cents % 1 else dollars(int(cents)))


def _flat(name: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    """The values of a recipe that are set, each under its full name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else key, inner)
    elif value is not None:
        yield name or "recipe", str(value)
