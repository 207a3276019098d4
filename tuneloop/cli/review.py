"""`tuneloop review`: answers an undecided gate, and says what came of it."""

from __future__ import annotations

from contextlib import suppress

from tuneloop.cli.terminal import tell
from tuneloop.errors import StoreError
from tuneloop.evaluation.reports.answer import show_answer
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.events import emit_model_event
from tuneloop.registry.models import save_model_page
from tuneloop.registry.review import review_model
from tuneloop.storage.page_link import page_link


def review_and_tell(
    ledger: Ledger, model: str, *, approve: bool, reason: str, decided_by: str, run_id: str, as_json: bool
) -> None:
    """Promote a model's challenger or keep its champion, print which, and emit the event.

    Args:
        ledger: The store's ledger.
        model: Name of the model.
        approve: Whether to promote the challenger.
        reason: Why, for the record.
        decided_by: Who, for the record.
        run_id: Id of the waiting run, or how it begins; empty where there is only one.
        as_json: Print a document in place of lines.

    Raises:
        TuneloopError: As `review_model`.
    """
    waiting_run, decision, promotion = review_model(
        ledger, model, approve=approve, reason=reason, decided_by=decided_by, run_id=run_id
    )
    page = save_model_page(ledger, model) if promotion else None
    document = {
        "model": model,
        "run": waiting_run.flow_run,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "version": promotion.number if promotion else None,
        "report": ledger.store.uri_of(decision.report) if decision.report else None,
        "page": ledger.store.uri_of(page) if page else None,
    }
    if promotion is None or page is None:
        link = f"Report: {page_link(ledger.store, decision.report).text}" if decision.report else ""
        lines = [f"{model}: the champion stays.", *filter(None, [link])]
    else:
        said = f"{model}: the challenger is champion v{promotion.number} ({decision.reason})."
        lines = [said, f"Page: {page_link(ledger.store, page).text}"]
    tell(document, *lines, as_json=as_json)
    # Its run emits the same, if it still is there: one id, one event.
    emit_model_event("promoted" if promotion else "rejected", waiting_run, decision, ledger.store)
    with suppress(StoreError):  # its run shows it too, and some stores let nothing be written twice
        show_answer(ledger.store, decision)
