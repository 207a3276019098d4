"""An earlier champion put back, as a run of its own."""

from __future__ import annotations

from typing import Annotated, Any

from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.artifacts import show_artifact
from tuneloop.orchestration.blocks import open_store
from tuneloop.orchestration.events import emit_rolled_back
from tuneloop.registry import rollback
from tuneloop.registry.models import save_model_page
from tuneloop.registry.promotions import IN_PREFECT, MAX_REASON_LENGTH
from tuneloop.schemas.shown_text import in_markdown, visible

Reason = Annotated[str, Field(min_length=1, max_length=MAX_REASON_LENGTH)]
"""Why a person decides something; it is kept in the model's record."""


def roll_back(store: str, model: str, version: int, reason: str) -> State[Any]:
    """Make an earlier champion the current one again, and say so on a page and by an event.

    Raises:
        ConfigurationError: There is no such model or version, or its weights are gone.
        RecordConflict: Other promotions have taken one number after the other.
    """
    ledger = Ledger(open_store(store))
    done = rollback.roll_back(ledger, model, version, reason, IN_PREFECT)
    save_model_page(ledger, model)
    if done.champion.rolled_back_to is not None:
        # Again where a crash came between record and event: one id, one event.
        emit_rolled_back(done.champion, flow_run.id)
    page = f"# Rollback of {model}\n\n{in_markdown(done.summary)}\n\nReason: {in_markdown(done.champion.reason)}\n"
    show_artifact(f"rollback-{model}", page, visible(done.summary))
    return Completed(name=None if done.replaced else "Cached", message=done.summary)
