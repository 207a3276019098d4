"""The page of a model: its champions, and how the same images changed from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tuneloop.evaluation.reports.images import embed
from tuneloop.evaluation.reports.template import fill_page, truncate
from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.records import Promotion
from tuneloop.schemas.training import job_name
from tuneloop.storage.base import Store

_ROWS = 4
_COLUMNS = 12
_SIDE_PX = 320
_BUDGET_BYTES = 700_000
_PROMPT_CHARACTERS = 120


class ChampionEntry(NamedTuple):
    """One champion, and its images, None where they are not at hand."""

    promotion: Promotion
    evaluation: Evaluation | None = None


class _Cell(NamedTuple):
    """One image of the comparison, or the place of one that was not rendered."""

    number: int
    alternative: str
    name: str | None


class _Row(NamedTuple):
    prompt: str
    seed: int
    cells: list[_Cell]
    """One for each champion."""


def model_page_name(model: str, number: int) -> str:
    """Name of a model's page within the store, as of one champion."""
    return f"models/{model}/pages/{number:04d}.html"


def write_model_page(store: Store, model: str, champions: Sequence[ChampionEntry]) -> str:
    """Write a model's page as one HTML file that asks nobody for anything and runs no script.

    The store is where images and reports are and where the page will lie; champions come oldest first.
    """
    newest_first = champions[::-1]
    rows = _rows(newest_first[:_COLUMNS])
    names = [cell.name for row in rows for cell in row.cells if cell.name]
    return fill_page(
        "model.html",
        store,
        model=model,
        champions=[entry.promotion for entry in newest_first],
        job_name=job_name,
        rows=rows,
        images=embed(store, names, max_side_px=_SIDE_PX, budget_bytes=_BUDGET_BYTES),
        left_out=len(newest_first[_COLUMNS:]),
    )


def _rows(champions: Sequence[ChampionEntry]) -> list[_Row]:
    """The first images of the newest champion that has any, and what the others draw there."""
    shown = next((entry.evaluation for entry in champions if entry.evaluation), None)
    if shown is None:
        return []
    images = shown.images
    # Of as many prompts as there are.
    firsts = sorted({image.prompt: place for place, image in reversed(list(enumerate(images)))}.values())
    places = [*firsts, *(place for place in range(len(images)) if place not in firsts)][:_ROWS]
    return [
        _Row(
            truncate(images[place].prompt, _PROMPT_CHARACTERS) or "(empty prompt)",
            images[place].seed,
            [_cell(entry, place, images[place].seed) for entry in champions],
        )
        for place in places
    ]


def _cell(champion: ChampionEntry, place: int, seed: int) -> _Cell:
    """The image at a place of the plan. Not by its prompt: that one holds the champion's own trigger word."""
    number = champion.promotion.number
    images = champion.evaluation.images if champion.evaluation else ()
    if place >= len(images) or images[place].seed != seed:
        return _Cell(number, f"Champion v{number}: no image", None)
    what = f"{truncate(images[place].prompt, _PROMPT_CHARACTERS)}, seed {seed}"
    return _Cell(number, f"Champion v{number}: {what}", images[place].name)
