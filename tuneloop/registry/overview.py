"""What a store itself knows for the page of all models: champions, last decisions, spending. Read-only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from tuneloop.errors import NoStore, StoreUnavailable, TuneloopError
from tuneloop.evaluation.reports.images import thumbnail_address
from tuneloop.evaluation.reports.model_page import latest_model_page_name
from tuneloop.evaluation.reports.models_page import (
    THUMBNAIL_CHARACTERS,
    ModelsOverview,
    Question,
    ShownModel,
    ShownSpending,
)
from tuneloop.ledger.accounts import known_accounts
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.ledger import Ledger
from tuneloop.registry.models import champion_entry, model_of
from tuneloop.schemas.canonical import digest_of
from tuneloop.schemas.records import Decision, Promotion
from tuneloop.schemas.spending import Spending, SpendingLimits
from tuneloop.schemas.training import Account

_AT_ONCE = 16
_SIDES_PX = (112, 80, 56)
"""Of a thumbnail; a smaller one where an image is too rich in detail for its share of the page."""
_Written = list[tuple[str, datetime]]


def read_overview(ledger: Ledger, slug: str, at: datetime, before: tuple[ShownModel, ...] = ()) -> ModelsOverview:
    """Read every model of a store, given by its ledger and its block.

    A model that was read `before`, on the same day, is read again if something was written there since. One that
    cannot be read does not hide the others. Spending that cannot does, as does a store that is away.
    """
    known = {model.basis: model for model in before if model.problem is None}
    names: dict[str, _Written] = defaultdict(list)
    for name, written in ledger.store.written("models/"):
        if (model := model_of(name)) is not None:
            names[model].append((name, written))

    def model_as_it_is(model: str, written: _Written) -> ShownModel:
        # Times too: after a restore another record may have the name of one that is lost.
        basis = digest_of([slug, str(at.date()), [(name, time.isoformat()) for name, time in written]])
        return known.get(basis) or _model(ledger, slug, model, written).model_copy(update={"basis": basis})

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        models = threads.map(lambda item: model_as_it_is(*item), sorted(names.items()))
        return ModelsOverview(day=at.date(), models=tuple(models), spending=tuple(_spending(ledger)))


def _model(ledger: Ledger, slug: str, model: str, written: _Written) -> ShownModel:
    try:
        return _read_model(ledger, slug, model, written)
    except (StoreUnavailable, NoStore):
        raise
    except TuneloopError as error:
        return ShownModel(model=model, problem=str(error))


def _read_model(ledger: Ledger, slug: str, model: str, written: _Written) -> ShownModel:
    """By two records; which decision is the last one, the store's times say."""
    names = [name for name, _ in written]
    folder = f"models/{model}/promotions/"
    numbered = ledger.numbered_among(folder, [name for name in names if name.startswith(folder)])
    champion = ledger.read_record(numbered[-1], Promotion) if numbered else None
    decided = [(at, name) for name, at in written if name.startswith(f"models/{model}/decisions/")]
    decision = ledger.read_record(max(decided)[1], Decision) if decided else None
    page = latest_model_page_name(model)
    back = champion if champion and champion.rolled_back_to is not None else None
    if back and decision and decision.created_at > back.created_at:
        back = None
    last = back or decision or champion
    return ShownModel(
        model=model,
        number=champion.number if champion else None,
        since=champion.created_at if champion else None,
        page=page if page in names else None,
        rolled_back=back is not None,
        verdict=decision.verdict if decision else None,
        decided_at=last.created_at if last else None,
        reason=last.reason if last else "",
        report=last.report if last else None,
        questions=_open_question(model, slug, decision, champion),
    )


def _open_question(
    model: str, slug: str, decision: Decision | None, champion: Promotion | None
) -> tuple[Question, ...]:
    if decision is None or decision.verdict != "undecided":
        return ()
    if champion is not None and champion.number > decision.against:
        return ()  # the next run compares with that one
    command = f'tuneloop review {model} --store {slug} --approve --reason "…"'
    return (Question(what="needs review", reason=decision.reason, address=None, command=command),)


def _spending(ledger: Ledger) -> Iterator[ShownSpending]:
    for account, spent in spending_by_account(ledger):
        yield ShownSpending(account=account.slug, trainings=spent.trainings, cents=spent.cents, ends=spent.ends)


def spending_by_account(ledger: Ledger) -> Iterator[tuple[Account, Spending]]:
    """What counts now of every account that has paid for something in a store, without its slots."""
    for account in known_accounts(ledger):
        yield account, Budget(ledger, account, SpendingLimits()).totals()


def thumbnails(ledger: Ledger, overview: ModelsOverview, known: Mapping[str, str]) -> dict[str, str]:
    """A small image of each champion as a `data:` address, by model and number (`robot/3`); empty without one.

    Those that are `known` are not made again. Raises `StoreUnavailable`.
    """
    champions = [(model.model, model.number) for model in overview.models if model.number]

    def image_of(model: str, number: int) -> str:
        image = known.get(f"{model}/{number}")
        return _thumbnail(ledger, model, number) if image is None else image

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        made = threads.map(lambda item: image_of(*item), champions)
        return {f"{model}/{number}": image for (model, number), image in zip(champions, made, strict=True)}


def _thumbnail(ledger: Ledger, model: str, number: int) -> str:
    try:
        champion = ledger.promotion(model, number)
        evaluation = champion_entry(ledger, champion, champion).evaluation
        shown = next((image.name for image in evaluation.images if image.name), None) if evaluation else None
        data = ledger.store.read(shown) if shown else b""
    except StoreUnavailable:
        raise
    except TuneloopError:
        return ""
    addresses = (thumbnail_address(data, side_px) for side_px in _SIDES_PX)
    return next((each for each in addresses if each and len(each) <= THUMBNAIL_CHARACTERS), "")
