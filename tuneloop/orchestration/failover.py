"""Failover: another run of the same deployment trains with its second recipe, where the first trainer cannot.

A run's training never changes. So the first run closes it, starts the second run and ends.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run
from prefect.states import Completed, Scheduled
from prefect.utilities.urls import url_for

from tuneloop.errors import ProviderError, TuneloopError
from tuneloop.ledger.failover import close, closed, unsettled_refusal, why_fall_back
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.run_request import Fallback, RunRequest
from tuneloop.orchestration.suspend import cannot_suspend, wait_for
from tuneloop.schemas.records import Abandoned, RunRecord


def fail_over(ctx: RunContext, request: RunRequest, run: RunRecord, error: TuneloopError) -> State[Any]:
    """End a run whose trainer is retired, refuses or is down, by starting another one with the fallback.

    Waits where a submit that was refused may have been accepted all the same. Raises the error again where the
    fallback is not to be used. Run it again after a crash: it starts no other run.
    """
    fallback = request.fallback
    if fallback is None or fallback.used_because is not None:
        raise error
    if (missing := cannot_suspend()) is not None:
        get_run_logger().warning("the fallback is not used: %s", missing)
        raise error
    end = closed(ctx.ledger, run) or _close(ctx, run, fallback, error)
    if end is None:
        raise error
    second = _start_second_run(run, fallback, end.reason)
    ctx.ledger.unmark(run)
    link = url_for("flow-run", second.id) or f"id {second.id}"
    message = (
        f"Failed over, nothing was paid here: another run ({link}) trains with "
        f"{fallback.recipe.trainer} by {fallback.account}, because {end.reason}"
    )
    get_run_logger().warning("%s", message)
    return Completed(message=message)


def _close(ctx: RunContext, run: RunRecord, fallback: Fallback, error: TuneloopError) -> Abandoned | None:
    """Close the training where the fallback is to be used; None where it is not."""
    training = TrainingLog.of(ctx.ledger, run)
    while (refusal := unsettled_refusal(training)) is not None:
        ctx.ledger.mark(run)
        wait_for(
            f"Waiting until {refusal.settled_after:%Y-%m-%d %H:%M:%S} UTC before the fallback is used: the submit "
            f"of {refusal.name} was rejected, and only then is the provider's list certain to show a job that was "
            "accepted all the same",
            ctx.store_slug,
        )
        ctx.ledger.unmark(run)
        training = training.reread()
    try:
        why = why_fall_back(ctx.provider, training, error, timedelta(hours=fallback.after_hours))
    except ProviderError as failed:
        get_run_logger().warning("the fallback is not used, because no list proves that no job runs: %s", failed)
        return None
    return close(training, run, why) if why is not None else None


def _start_second_run(run: RunRecord, fallback: Fallback, reason: str) -> FlowRun:
    """Start a run of this deployment with the fallback; the same one, however often this is asked for."""
    used = fallback.model_copy(update={"used_because": reason}).model_dump(mode="json", exclude_unset=True)
    changed = {"recipe": used["recipe"], "credentials": fallback.account, "fallback": used}
    with get_client(sync_client=True) as client:
        first = client.read_flow_run(UUID(str(flow_run.id)))
        return client.create_flow_run_from_deployment(
            UUID(str(deployment.id)),
            parameters={**first.parameters, **changed},
            state=Scheduled(),
            job_variables=first.job_variables,
            idempotency_key=f"failover-{run.flow_run}-g{run.attempt}",
        )
