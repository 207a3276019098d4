"""Put an earlier champion of a model back."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import open_store
from tuneloop.orchestration.events import emit_rolled_back
from tuneloop.registry.models import save_model_page
from tuneloop.registry.promotions import IN_PREFECT, MAX_REASON_LENGTH
from tuneloop.registry.rollback import roll_back
from tuneloop.schemas.shown_text import in_markdown, visible
from tuneloop.schemas.training import ModelName


@flow(name="rollback-model", flow_run_name="rollback-{model}-to-{version}")
def rollback_model(
    model: ModelName,
    version: Annotated[int, Field(ge=1)],
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON_LENGTH)],
    store: str = "local-file-system/tuneloop",
) -> State[Any]:
    """Put an earlier champion back. Nothing is trained or rendered, and nothing is deleted.

    The earlier champion becomes the next version, with your reason. Runs on unchanged images leave it
    there; a new training is compared with it. Run it again after a crash: it does not do it twice.

    Args:
        model: Name of the model.
        version: Number of the champion to put back; `tuneloop models MODEL` lists them.
        reason: Why. It is kept in the model's record.
        store: The store that has the model: s3-bucket/NAME or local-file-system/NAME.
    """
    ledger = Ledger(open_store(store))
    done = roll_back(ledger, model, version, reason, IN_PREFECT)
    save_model_page(ledger, model)
    if done.champion.rolled_back_to is not None:
        # Again where a crash came between record and event: one id, one event.
        emit_rolled_back(done.champion, flow_run.id)
    page = f"# Rollback of {model}\n\n{in_markdown(done.summary)}\n\nReason: {in_markdown(done.champion.reason)}\n"
    create_markdown_artifact(key=f"rollback-{model}", markdown=page, description=visible(done.summary))
    return Completed(name=None if done.replaced else "Cached", message=done.summary)
