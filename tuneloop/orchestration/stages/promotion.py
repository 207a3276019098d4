"""The ends of a run that had something to do: its decision applied, stopped, or cancelled."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed

from tuneloop.errors import TrainingFailed, TuneloopError
from tuneloop.evaluation.reports.answer import show_answer
from tuneloop.orchestration import tasks
from tuneloop.orchestration.approvals import request_review
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.events import LABEL_OF, emit_model_event, label_run
from tuneloop.orchestration.stages.evaluation import evaluate
from tuneloop.orchestration.stages.training import train
from tuneloop.registry.promotions import GATE
from tuneloop.schemas.records import Collected, Decision, RunRecord
from tuneloop.schemas.training import Submission


def promote(
    ctx: RunContext, run: RunRecord, weights: Collected, decision: Decision, name: str | None = None
) -> State[Any]:
    """Apply the decision on a model: champion, rejected, or a review; `name` is what the end calls the model."""
    while not _is_applied(ctx, run, weights, decision):
        # Reviewed by now, or another model was promoted meanwhile: compare with that one.
        decision = evaluate(ctx, run, weights)
    name = name or weights.name
    if decision.verdict == "promote" and run.visibility != "unchanged":
        tasks.set_visibility(ctx, Submission.of(weights), public=run.visibility == "public")
    if decision.decided_by != GATE:
        _show_answer(ctx, decision)
    ctx.ledger.unmark(run)
    label_run(run.model, LABEL_OF[decision.verdict])
    if decision.verdict == "undecided":
        asked = f"run {decision.flow_run} asks" if decision.flow_run != run.flow_run else "no run could ask"
        return Completed(
            message=f"Undecided ({name}). {decision.reason} Review required ({asked}): answer there, or "
            f"with `{run.review_command}` (or `--reject`).",
        )
    outcome = "Promoted" if decision.verdict == "promote" else "Not promoted"
    return Completed(message=f"{outcome} ({name}). {decision.reason}")


def _show_answer(ctx: RunContext, decision: Decision) -> None:
    try:
        show_answer(ctx.store, decision)
    except TuneloopError as error:
        get_run_logger().warning("the report does not show the answer: %s", error)


def _is_applied(ctx: RunContext, run: RunRecord, weights: Collected, decision: Decision) -> bool:
    """Apply a decision as far as it can be. Returns False if another decision has to be found."""
    if decision.verdict == "undecided":
        return not ctx.registry.owns_review(run, decision) or request_review(ctx, run, decision) is None
    if decision.verdict == "promote":
        if ctx.registry.promote(run, weights, decision) is None:
            return False
        tasks.model_page(ctx, run.model)
    emit_model_event("promoted" if decision.verdict == "promote" else "rejected", run, decision, ctx.store)
    return True


def stop(ctx: RunContext, run: RunRecord, error: TuneloopError) -> State[Any]:
    """End a run whose model cannot be evaluated now: the next run tries again, and the sensor does not."""
    ctx.ledger.unmark(run)
    return Failed(message=str(error))


def finish_cancelled_run(ctx: RunContext, run: RunRecord) -> State[Any]:
    """Collect what a cancelled run has paid, and evaluate nothing."""
    try:
        weights = train(ctx, run, cancelled=True)
    except TrainingFailed as error:
        return Cancelled(message=f"The run was cancelled, and nothing is left to collect: {error}")
    ctx.registry.abandon(run, f"run {run.flow_run} was cancelled by a person")
    ctx.ledger.unmark(run)
    where = f"its weights are in the store ({weights.weights})" if weights.weights else "its id is recorded"
    return Completed(
        message=f"{weights.name} was paid, so {where}; its run was cancelled, so it is not evaluated."
    )
