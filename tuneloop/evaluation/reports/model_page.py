"""The page of a model: its champions, and how the same images changed from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tuneloop.evaluation.reports.images import embed
from tuneloop.evaluation.reports.template import LATEST, fill_page
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation
from tuneloop.schemas.records import Promotion
from tuneloop.schemas.training import job_name
from tuneloop.storage.base import Store

_ROWS = 4
_COLUMNS = 12
_SIDE_PX = 320
_BUDGET_BYTES = 700_000


class ChampionEntry(NamedTuple):
    """One champion, and its images, None where they are not at hand."""

    promotion: Promotion
    evaluation: Evaluation | None = None

    def image_at(self, place: int, seed: int) -> EvaluatedImage | None:
        """The image at a place of the plan. Not by its prompt: that one holds the champion's own trigger word."""
        images = self.evaluation.images if self.evaluation else ()
        return images[place] if place < len(images) and images[place].seed == seed else None


def model_page_name(model: str, number: int) -> str:
    """Name of a model's page within the store, as of one champion."""
    return f"models/{model}/pages/{number:04d}.html"


def latest_model_page_name(model: str) -> str:
    """Name within the store at which the newest page of a model is always found."""
    return f"models/{model}/pages/{LATEST}"


def write_model_page(store: Store, model: str, champions: Sequence[ChampionEntry]) -> str:
    """Write a model's page as one HTML file that asks nobody for anything and runs no script.

    The store is where images and reports are and where the page will lie; champions come oldest first.
    """
    newest_first = champions[::-1]
    columns = newest_first[:_COLUMNS]
    shown = next((entry.evaluation.images for entry in columns if entry.evaluation), ())
    # Of as many prompts as there are.
    firsts = sorted({image.prompt: place for place, image in reversed(list(enumerate(shown)))}.values())
    places = [*firsts, *(place for place in range(len(shown)) if place not in firsts)][:_ROWS]
    rows = [
        (shown[place], [(entry.promotion.number, entry.image_at(place, shown[place].seed)) for entry in columns])
        for place in places
    ]
    names = [image.name for _, cells in rows for _, image in cells if image and image.name]
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
