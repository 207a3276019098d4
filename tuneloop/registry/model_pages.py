"""The page of a model: one file for each champion of its line, written when the line grows."""

from __future__ import annotations

from tuneloop.datasets.store import load_manifest
from tuneloop.errors import LedgerError
from tuneloop.evaluation.render import ModelUnderTest, load_renders
from tuneloop.evaluation.reports.model_page import ChampionEntry, model_page_name, write_model_page
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import Promotion
from tuneloop.schemas.training import job_name


def save_model_page(ledger: Ledger, model: str) -> str:
    """Write the page of a model's line of champions as it is now, if nobody has.

    All champions are shown with the prompts and seeds of the last one, as far as they were rendered.

    Returns:
        Name of the page within the store.
    """
    line = ledger.promotions(model)
    if not line:
        raise LedgerError(f"{model} has no champion yet")
    name = model_page_name(model, line[-1].number)
    page = write_model_page(ledger.store, model, [_reign(ledger, item, line[-1]) for item in line])
    ledger.store.create(name, page.encode())
    return name


def _reign(ledger: Ledger, promotion: Promotion, last: Promotion) -> ChampionEntry:
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
