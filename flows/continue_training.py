"""Carry on for a run that is gone: the sensor starts this where a training was paid and nobody waits for it."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tuneloop.errors import ConfigurationError
from tuneloop.ledger.cancelling import is_cancelled
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import read_training
from tuneloop.orchestration.blocks import open_store
from tuneloop.orchestration.context import open_desk
from tuneloop.orchestration.stages.run import carry_on, wind_up
from tuneloop.registry.promotions import story_has_ended


@flow(name="continue-training", flow_run_name="continue-{flow_run}")
def continue_training(flow_run: str, store: str, cancelled: bool = False) -> State[Any]:
    """Continue the work of a run that was killed, deleted or forgotten, from what the store knows of it.

    It works on the same training and under the same marker, so that it may be started twice and be killed itself.

    Args:
        flow_run: Id of the run to continue.
        store: The store that has its records: s3-bucket/NAME or local-file-system/NAME.
        cancelled: A person has cancelled that run: collect what was paid, and judge nothing.
    """
    ledger = Ledger(open_store(store))
    run = ledger.run(flow_run)
    if run is None:
        raise ConfigurationError(f"{store} knows nothing of a run {flow_run}; copy its id from `tuneloop status`")
    if story_has_ended(ledger, run, read_training(ledger, run.key, run.generation).last):
        ledger.unmark(run)
        return Completed(name="Unchanged", message="Nothing is left to do for this run.")
    desk = open_desk(store, run.credentials)
    return wind_up(desk, run) if cancelled or is_cancelled(ledger, flow_run) else carry_on(desk, run)
