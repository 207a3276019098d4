"""The page of a model: its line of champions, and how the same images changed from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuneloop.evaluation.reports.embedded import Embedded, embed
from tuneloop.evaluation.reports.shortening import shortened, whole_if_cut
from tuneloop.evaluation.reports.stored import StoreLink, stored
from tuneloop.evaluation.reports.templates import fill
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation
from tuneloop.schemas.records import Promotion
from tuneloop.schemas.training import job_name
from tuneloop.storage.base import Store

_ROWS = 4
_COLUMNS = 12
_SIDE_PX = 320
_BUDGET_BYTES = 700_000
_WHY = 300
_PROMPT = 120


@dataclass(frozen=True)
class ChampionEntry:
    """One champion.

    Attributes:
        promotion: Its promotion.
        evaluation: Its images, None where they are not at hand.
    """

    promotion: Promotion
    evaluation: Evaluation | None = None


@dataclass(frozen=True)
class _Champion:
    """A champion as the page tells of it."""

    promotion: Promotion
    job: str
    why: str
    whole_why: str | None
    report: StoreLink | None


@dataclass(frozen=True)
class _Cell:
    """One image of the comparison, or the place of one that was not rendered."""

    number: int
    alternative: str
    image: Embedded | None
    full: StoreLink | None


@dataclass(frozen=True)
class _Row:
    """The same prompt and seed, one cell for each champion."""

    prompt: str
    seed: int
    cells: tuple[_Cell, ...]


def model_page_name(model: str, number: int) -> str:
    """Name of a model's page within the store, as of one champion."""
    return f"models/{model}/pages/{number:04d}.html"


def write_model_page(store: Store, model: str, reigns: Sequence[ChampionEntry]) -> str:
    """Spell a model's page as one HTML file that asks nobody for anything and runs no script.

    Args:
        store: Where images and reports are, and where the page will lie.
        model: Name of the model.
        reigns: Every champion, oldest first.
    """
    newest_first = tuple(reversed(reigns))
    return fill(
        "model.html",
        model=model,
        champions=[_champion(store, reign.promotion) for reign in newest_first],
        rows=_rows(store, newest_first[:_COLUMNS]),
        left_out=len(newest_first[_COLUMNS:]),
    )


def _champion(store: Store, promotion: Promotion) -> _Champion:
    return _Champion(
        promotion=promotion,
        job=job_name(promotion.key, promotion.attempt),
        why=shortened(promotion.reason, _WHY),
        whole_why=whole_if_cut(promotion.reason, _WHY),
        report=stored(store, promotion.report) if promotion.report else None,
    )


def _rows(store: Store, reigns: tuple[ChampionEntry, ...]) -> list[_Row]:
    """The first images of the newest champion that has any, and what the others draw there."""
    shown = next((reign.evaluation for reign in reigns if reign.evaluation), None)
    if shown is None:
        return []
    first = _first(shown.images)
    found = [[_same(reign, place, shown.images[place].seed) for reign in reigns] for place in first]
    names = [image.name for row in found for image in row if image and image.name]
    embedded = embed(store, names, most_side_px=_SIDE_PX, budget_bytes=_BUDGET_BYTES)
    return [
        _Row(
            shortened(shown.images[place].prompt, _PROMPT) or "(empty prompt)",
            shown.images[place].seed,
            tuple(_cell(store, reign, there, embedded) for reign, there in zip(reigns, row, strict=True)),
        )
        for place, row in zip(first, found, strict=True)
    ]


def _first(images: tuple[EvaluatedImage, ...]) -> list[int]:
    """Places in the plan of a few images, of as many prompts as there are."""
    firsts = sorted({image.prompt: place for place, image in reversed(list(enumerate(images)))}.values())
    return [*firsts, *(place for place in range(len(images)) if place not in firsts)][:_ROWS]


def _same(reign: ChampionEntry, place: int, seed: int) -> EvaluatedImage | None:
    """The image at a place of the plan. Not by its prompt: that one holds the champion's own trigger word."""
    images = reign.evaluation.images if reign.evaluation else ()
    return images[place] if place < len(images) and images[place].seed == seed else None


def _cell(
    store: Store, reign: ChampionEntry, image: EvaluatedImage | None, embedded: dict[str, Embedded]
) -> _Cell:
    number, name = reign.promotion.number, image.name if image else None
    what = f"{shortened(image.prompt, _PROMPT)}, seed {image.seed}" if image else "no image"
    return _Cell(
        number=number,
        alternative=f"Champion no. {number}: {what}",
        image=embedded.get(name) if name else None,
        full=stored(store, name) if name else None,
    )
