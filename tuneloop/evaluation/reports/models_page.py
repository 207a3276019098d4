"""The page of all models, and the same in short: champions, last decisions, next runs, questions, spending."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal

from tuneloop.evaluation.reports.template import fill_page, fill_template
from tuneloop.schemas.canonical import digest_of
from tuneloop.schemas.evaluation import OUTCOMES
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.training import ModelName
from tuneloop.storage.base import Store

MODELS_PAGE = "pages/models.html"
"""Name of the page within the store: always the same, for people to keep."""
THUMBNAIL_CHARACTERS = 4_000
"""Of one champion's image as an address: so 200 models come to less than 2 MB."""
_ALL_THUMBNAILS_CHARACTERS = 1_200_000
"""Of all of them: beyond it models are shown without an image."""
_ROWS_IN_SHORT = 100


class ShownRun(FrozenModel):
    """A flow run that has ended."""

    state: str
    at: datetime
    address: str | None
    """Of its page in Prefect."""


class Question(FrozenModel):
    """What waits for somebody's answer."""

    what: Literal["needs review", "on hold"]
    reason: str
    address: str | None
    """The page of the run that asks; None where no run could ask, and `command` answers."""
    command: str | None = None


class ShownModel(FrozenModel):
    """One model; what is of its champion, its last decision or Prefect is None where there is none."""

    model: ModelName
    number: int | None = None
    since: datetime | None = None
    page: str | None = None
    """Name of the model's page within the store."""
    rolled_back: bool = False
    """Whether the champion was put back by a person, after the last decision."""
    verdict: Literal["promote", "reject", "undecided", "abandoned"] | None = None
    decided_at: datetime | None = None
    reason: str = ""
    """Of the last decision, or of the rollback that came after it."""
    report: str | None = None
    """Name of the last decision's report within the store."""
    problem: str | None = None
    """Why its records cannot be read."""
    next_run: datetime | None = None
    last_run: ShownRun | None = None
    questions: tuple[Question, ...] = ()
    basis: str = ""
    """Digest of all that it was read from; as long as that is the same, it need not be read again."""

    @property
    def outcome(self) -> str:
        """The last decision in words."""
        if self.rolled_back:
            return "rolled back"
        return OUTCOMES[self.verdict] if self.verdict else ""


class ShownSpending(FrozenModel):
    """What an account has reserved in the current 30 days."""

    account: str
    trainings: int
    cents: int
    """The sum of the known prices, images among them."""
    ends: date
    """The first day after the 30 days."""


class ModelsOverview(FrozenModel):
    """What the page shows, as of a day (UTC)."""

    day: date
    models: tuple[ShownModel, ...]
    """By name."""
    spending: tuple[ShownSpending, ...] = ()

    @property
    def digest(self) -> str:
        """The same for what was read from the same and would be shown in the same way."""
        return digest_of(self.model_dump(mode="json"))

    @property
    def questions(self) -> list[tuple[ShownModel, Question]]:
        return [(model, question) for model in self.models for question in model.questions]

    @property
    def summary(self) -> str:
        """The counts, in a sentence."""
        champions = sum(model.number is not None for model in self.models)
        asked = len(self.questions)
        waiting = f"{asked} question{'' if asked == 1 else 's'} wait{'s' if asked == 1 else ''} for an answer"
        return f"{champions} champion{'' if champions == 1 else 's'}, {waiting if asked else 'no open questions'}"

    def age(self, model: ShownModel) -> str:
        """How long a model's champion is in use."""
        if model.since is None:
            return ""
        days = (self.day - model.since.date()).days
        return "since today" if days <= 0 else f"for {days} day{'' if days == 1 else 's'}"


def write_models_page(store: Store, overview: ModelsOverview, thumbnails: Mapping[ModelName, str]) -> str:
    """Write the page as one HTML file that asks nobody for anything and runs no script.

    `thumbnails` are `data:` addresses, by model.
    """
    shown, left = {}, _ALL_THUMBNAILS_CHARACTERS
    for model, address in thumbnails.items():
        left -= len(address)
        if left >= 0:
            shown[model] = address
    return fill_page("models.html", store, to_root="../", store_uri=store.uri, overview=overview, thumbnails=shown)


def write_models_in_short(overview: ModelsOverview, page: str) -> str:
    """Write the same in short: markdown. `page` is a link to the whole."""
    return fill_template("models.md", overview=overview, page=page, rows=overview.models[:_ROWS_IN_SHORT])
