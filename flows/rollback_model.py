"""Put an earlier champion of a model back."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from tuneloop.api import ModelName, Reason, roll_back


@flow(name="rollback-model", flow_run_name="rollback-{model}-to-{version}")
def rollback_model(
    model: ModelName,
    version: Annotated[int, Field(ge=1)],
    reason: Reason,
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
    return roll_back(store, model, version, reason)
