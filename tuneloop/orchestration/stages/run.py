"""What a run does once it knows its training, and what whoever continues it does."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from tuneloop.errors import BudgetExceeded, TrainingFailed
from tuneloop.orchestration import tasks
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.run_labels import LABEL_OF, label_run
from tuneloop.orchestration.stages.evaluation import decide
from tuneloop.orchestration.stages.training import run_training
from tuneloop.registry.promotions import abandon
from tuneloop.schemas.records import RunRecord


def run_to_decision(ctx: RunContext, run: RunRecord) -> State[Any]:
    """Go from wherever a run's training stands to a decision."""
    collected = run_training(ctx, run, cancelled=False)
    try:
        decision = decide(ctx, run, collected)
    except (BudgetExceeded, TrainingFailed) as error:
        # Nobody goes on with this by the hour: the next run does, once there is room again or the model is there.
        ctx.ledger.unmark(run)
        return Failed(message=str(error))
    if decision.verdict == "promote" and run.visibility != "unchanged":
        tasks.set_visibility(ctx, collected.job_id, public=run.visibility == "public")
    ctx.ledger.unmark(run)
    label_run(run.model, LABEL_OF[decision.verdict])
    if decision.verdict == "undecided":
        asked = f"run {decision.flow_run} asks" if decision.flow_run != run.flow_run else "nobody could be asked"
        return Completed(
            message=f"{collected.name}: undecided. {decision.reason} A person decides ({asked}): answer there, or "
            f"with `{run.review_command}` (or `--reject`).",
        )
    outcome = "promoted" if decision.verdict == "promote" else "not promoted"
    return Completed(message=f"{collected.name}: {outcome}. {decision.reason}")


def finish_cancelled_run(ctx: RunContext, run: RunRecord) -> State[Any]:
    """End the story of a run that a person has cancelled: paid weights are collected, nothing is judged."""
    try:
        collected = run_training(ctx, run, cancelled=True)
    except TrainingFailed as error:
        return Cancelled(message=f"The run was cancelled, and nothing is left to collect: {error}")
    abandon(ctx.ledger, run, f"run {run.flow_run} was cancelled by a person")
    ctx.ledger.unmark(run)
    where = f"its weights are in the store ({collected.weights})" if collected.weights else "its id is recorded"
    return Completed(message=f"{collected.name} was paid, so {where}; its run was cancelled, so it is not judged.")
