"""Look up the models of a store and their champions, and write the page of a model.

The stable address of a champion: the highest number below `models/<model>/promotions/`, such as
`models/robot/promotions/0003.json`. Numbers have no gaps and a record never changes, so another program may list
that folder, read the last file and take `weights`, `sha256` and `job_id` from it. A rollback is the next number
too: nothing is ever taken back, and no name ever means anything else than before.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from tuneloop.datasets.store import load_manifest
from tuneloop.errors import ConfigurationError, LedgerError, StoreError, TuneloopError
from tuneloop.evaluation.render import ModelUnderTest, load_renders
from tuneloop.evaluation.reports.model_page import (
    ChampionEntry,
    latest_model_page_name,
    model_page_name,
    write_model_page,
)
from tuneloop.ledger.collection import weights_problem
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.records import Promotion
from tuneloop.schemas.training import is_slug, job_name, validate_slug

_VERSION_JUDGED = re.compile(r"models/([^/]+)/decisions/([0-9a-f]{64}-g[0-9]+)-[^/]+/[0-9]+\.json")
_AT_ONCE = 16
_NAMED = 10


class ModelSummary(FrozenModel):
    """One model at a glance; the champion's fields are None without one."""

    model: str
    number: int | None
    since: datetime | None
    job: str | None
    dataset_digest: str | None
    sha256: str | None
    """Of its weights; None where they stay at the provider."""
    rolled_back_to: int | None
    """Number of the promotion that was put back; None for a challenger that won."""
    reason: str
    """Why it is champion, or why that cannot be said."""
    versions_evaluated: int
    """How many model versions were evaluated for this model."""
    weights_problem: str | None = None
    readable: bool = True
    """False where its champion history has a gap or an invalid record."""


def model_of(name: str) -> str | None:
    """The model that an object below `models/` belongs to; None for what somebody else has put there."""
    _, model, *inside = name.split("/")
    return model if inside and is_slug(model) else None


def summaries(ledger: Ledger) -> list[ModelSummary]:
    """Every model of the store with its champion, by name. One that cannot be read does not hide the others."""
    judged: dict[str, set[str]] = {}
    for name in ledger.store.names("models/"):
        if (model := model_of(name)) is None:
            continue
        versions = judged.setdefault(model, set())
        if match := _VERSION_JUDGED.fullmatch(name):
            versions.add(match.group(2))
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(lambda item: _summary(ledger, item[0], len(item[1])), sorted(judged.items())))


def _summary(ledger: Ledger, model: str, judged: int) -> ModelSummary:
    champion, reason, readable, problem = None, "no champion yet", True, None
    try:
        champion = ledger.champion(model)
        problem = weights_problem(ledger, champion) if champion else None
    except TuneloopError as error:
        reason, readable = str(error), False
    return ModelSummary(
        model=model,
        number=champion.number if champion else None,
        since=champion.created_at if champion else None,
        job=job_name(champion.key, champion.attempt) if champion else None,
        dataset_digest=champion.dataset_digest if champion else None,
        sha256=champion.sha256 if champion else None,
        rolled_back_to=champion.rolled_back_to if champion else None,
        reason=champion.reason if champion and readable else reason,
        versions_evaluated=judged,
        weights_problem=problem,
        readable=readable,
    )


def champion_history(ledger: Ledger, model: str) -> list[Promotion]:
    """The champion history of a model, oldest first. Raises `ConfigurationError` where it has none."""
    validate_slug(model)
    return ledger.promotions(model) or _no_champion(ledger, model)


def get_version(ledger: Ledger, model: str, number: int | None = None) -> Promotion:
    """Read one promotion of a model by its number; without one, the champion.

    Raises `ConfigurationError` where there is no such model, it has no champion, or no promotion of this number.
    """
    validate_slug(model)
    names = ledger.numbered(f"models/{model}/promotions/")
    if not names:
        _no_champion(ledger, model)
    if number is None:
        number = len(names)
    if not 1 <= number <= len(names):
        raise ConfigurationError(
            f"{model} has no champion v{number}: the numbers go from 1 to {len(names)}; look them up with "
            f"`tuneloop models {model}`"
        )
    return ledger.read_record(names[number - 1], Promotion)


def require_model(ledger: Ledger, model: str) -> None:
    """Raise `ConfigurationError` where the store has nothing of this name."""
    validate_slug(model)
    if not any(True for _ in ledger.store.names(f"models/{model}/")):
        _no_champion(ledger, model)


def _no_champion(ledger: Ledger, model: str) -> list[Promotion]:
    known = sorted(set(filter(None, map(model_of, ledger.store.names("models/")))))
    if model in known:
        raise ConfigurationError(f"{model} has no champion yet: none of its trainings was promoted")
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    there = f"it has {', '.join(known[:_NAMED])}{more}" if known else "it has no models"
    raise ConfigurationError(f"{ledger.store.uri} has no model {model}: {there}; check the name and the store")


def save_model_page(ledger: Ledger, model: str) -> str:
    """Write the page of a model's champion history once for each champion, and again at its stable address.

    All champions are shown with the prompts and seeds of the last one, as far as they were rendered. Returns the
    stable address within the store, or the page's own where the store lets nothing be written twice.
    """
    latest = latest_model_page_name(model)
    while True:
        history = ledger.promotions(model)
        if not history:
            raise LedgerError(f"{model} has no champion yet")
        entries = [champion_entry(ledger, item, history[-1]) for item in history]
        page = write_model_page(ledger.store, model, entries).encode()
        name = model_page_name(model, history[-1].number)
        ledger.store.create(name, page)
        try:
            ledger.store.rewrite(latest, page)
        except StoreError:
            return name
        # Two may write at once: whoever was second and knew less writes once more.
        if len(ledger.numbered(f"models/{model}/promotions/")) == len(history):
            return latest


def champion_entry(ledger: Ledger, promotion: Promotion, last: Promotion) -> ChampionEntry:
    """A champion with its images of the prompts and seeds of the `last` one, as far as they were rendered."""
    if last.plan is None:
        return ChampionEntry(promotion)
    items = load_manifest(last.dataset_digest, ledger.store).items
    subject = ModelUnderTest(
        job=job_name(promotion.key, promotion.attempt),
        job_id=promotion.job_id,
        trigger_word=promotion.trigger_word,
        inputs=tuple(item.sha256 for item in items if item.role == "start"),
    )
    return ChampionEntry(promotion, load_renders(ledger.store, subject, last.plan))
