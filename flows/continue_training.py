"""Continue a lost run: the sensor starts this where a training was paid and nothing waits for it."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tuneloop.errors import BudgetExceeded, ConfigurationError, TrainingFailed
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration.blocks import open_store
from tuneloop.orchestration.context import open_context
from tuneloop.orchestration.stages.evaluation import evaluate
from tuneloop.orchestration.stages.promotion import finish_cancelled_run, promote, stop
from tuneloop.orchestration.stages.training import train
from tuneloop.registry.promotions import Registry


@flow(name="continue-training", flow_run_name="continue-{flow_run}")
def continue_training(flow_run: str, store: str, cancelled: bool = False) -> State[Any]:
    """Continue a run that was killed, deleted or forgotten, from its records in the store.

    It works on the same training and under the same marker, so that it may be started twice and be killed itself.

    Args:
        flow_run: Id of the run to continue.
        store: The store that has its records: s3-bucket/NAME or local-file-system/NAME.
        cancelled: A person has cancelled that run: collect what was paid, and judge nothing.
    """
    ledger = Ledger(open_store(store))
    run = ledger.run(flow_run)
    if run is None:
        raise ConfigurationError(f"{store} has no run {flow_run}; copy its id from `tuneloop status`")
    if Registry(ledger).is_run_finished(run, TrainingLog.of(ledger, run).last):
        ledger.unmark(run)
        return Completed(name="Cached", message="Nothing is left to do for this run.")
    ctx = open_context(store, run.credentials)
    if cancelled or ledger.is_cancelled(flow_run):
        return finish_cancelled_run(ctx, run)
    weights = train(ctx, run)
    try:
        decision = evaluate(ctx, run, weights)
        return promote(ctx, run, weights, decision)
    except (BudgetExceeded, TrainingFailed) as error:
        return stop(ctx, run, error)
