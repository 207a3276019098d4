"""Continue a lost run: the sensor starts this where a training was paid and nothing waits for it."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tuneloop.api import (
    BudgetExceeded,
    TrainingFailed,
    compare,
    evaluate,
    find_comparison,
    find_unfinished_run,
    finish_cancelled_comparison,
    finish_cancelled_run,
    open_context,
    promote,
    stop,
    train,
)


@flow(name="continue-training", flow_run_name="continue-{flow_run}")
def continue_training(flow_run: str, store: str, cancelled: bool = False) -> State[Any]:
    """Continue a run that was killed, deleted or forgotten, from its records in the store.

    It works on the same training and under the same marker, so that it may be started twice and be killed itself.

    Args:
        flow_run: Id of the run to continue.
        store: The store that has its records: s3-bucket/NAME or local-file-system/NAME.
        cancelled: A person has cancelled that run: collect what was paid, and judge nothing.
    """
    if comparison := find_comparison(store, flow_run):
        is_cancelled = cancelled or comparison.ctx.ledger.is_cancelled(flow_run)
        return finish_cancelled_comparison(comparison) if is_cancelled else compare(comparison)
    run = find_unfinished_run(store, flow_run)
    if run is None:
        return Completed(name="Cached", message="Nothing is left to do for this run.")
    ctx = open_context(store, run.credentials)
    if cancelled or ctx.ledger.is_cancelled(flow_run):
        return finish_cancelled_run(ctx, run)
    weights = train(ctx, run)
    try:
        decision = evaluate(ctx, run, weights)
        return promote(ctx, run, weights, decision)
    except (BudgetExceeded, TrainingFailed) as error:
        return stop(ctx, run, error)
