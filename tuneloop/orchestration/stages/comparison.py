"""Several trainings side by side, ranked on one page; a person promotes one of them, or none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from tuneloop.datasets.store import load_manifest
from tuneloop.errors import BudgetExceeded, LedgerError, TrainerRetired, TrainingFailed, TuneloopError
from tuneloop.evaluation.reports.answer import show_answer
from tuneloop.evaluation.reports.comparison_page import comparison_page_name
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration import tasks
from tuneloop.orchestration.comparison_choice import (
    Choice,
    answered,
    asked_elsewhere,
    chosen,
    open_questions,
    request_choice,
)
from tuneloop.orchestration.comparison_costs import check_images_fit, check_training_fits
from tuneloop.orchestration.comparison_request import Comparison
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.events import Label, emit_model_event, label_run
from tuneloop.orchestration.stages.comparison_ranking import NotRendered, Rendered, rank_candidates
from tuneloop.orchestration.stages.evaluation import render_challenger, wait_until_deployed
from tuneloop.orchestration.stages.evaluation_costs import edit_inputs
from tuneloop.orchestration.stages.promotion import finish_cancelled_run
from tuneloop.orchestration.stages.training import train
from tuneloop.orchestration.suspend import StillWaiting, side_by_side, wait_for_any
from tuneloop.providers.status_errors import is_refusal
from tuneloop.schemas.records import Collected, Decision, RunRecord
from tuneloop.storage.page_link import page_link

_End = TypeVar("_End")


def compare(comparison: Comparison) -> State[Any]:
    """Train, render and rank all candidates, and promote the one that a person chooses, from wherever this stands.

    A comparison whose champion has changed before the answer is ranked and asked anew.
    """
    ctx, record = comparison.ctx, comparison.record
    while True:
        champion = ctx.ledger.champion(record.model)
        page = comparison_page_name(record, champion.number if champion else 0)
        if (choice := chosen(comparison)) is not None:
            if (end := _promote(comparison, choice)) is not None:
                return end
        elif comparison.errors or not ctx.store.exists(page):
            ended = _all_side_by_side(comparison, partial(_train_and_render, comparison))
            try:
                rank_candidates(comparison, ended, champion, page)
            except BudgetExceeded as error:
                return _stop(comparison, error)
        elif not (questions := open_questions(comparison)):
            return _end(comparison, "rejected", _why_nothing(comparison))
        elif not _ask(comparison, questions):
            how = f"Review required: `tuneloop review {record.model} --store {ctx.store_slug} --run JOB --approve`"
            return _end(comparison, "needs-review", f"{how}. Report: {page_link(ctx.store, page).text}")


def finish_cancelled_comparison(comparison: Comparison) -> State[Any]:
    """Collect what a cancelled comparison has paid, and rank nothing."""
    ends = _all_side_by_side(comparison, finish_cancelled_run)
    return Completed(message=" ".join(end.message or "" for end in ends))


def _all_side_by_side(comparison: Comparison, advance: Callable[[RunContext, RunRecord], _End]) -> list[_End]:
    """Bring every candidate to its end; what each waits for is waited for together."""
    while True:
        waits, ends, errors = list[StillWaiting](), list[_End](), list(comparison.errors)
        rested = list[tuple[RunContext, RunRecord]]()
        for ctx, run in comparison.candidates:
            try:
                with side_by_side():
                    ends.append(advance(ctx, run))
                rested.append((ctx, run))
            except StillWaiting as wait:
                waits.append(wait)
            except TuneloopError as error:
                get_run_logger().warning("%s: %s", comparison.name_of(run), error)
                errors.append(error)
        if not waits and errors:
            raise errors[0]
        if not waits:
            return ends
        for ctx, run in rested:
            ctx.ledger.unmark(run)  # else the sensor would resume the run for them again and again
        wait_for_any(waits, comparison.ctx.store_slug)


def _train_and_render(comparison: Comparison, ctx: RunContext, run: RunRecord) -> Rendered | NotRendered:
    try:
        check_training_fits(comparison.record, comparison.candidates, run)
        weights = train(ctx, run)
        wait_until_deployed(ctx, run, weights)
        check_images_fit(comparison.record, comparison.candidates, run)
        inputs = edit_inputs(load_manifest(run.dataset_digest, ctx.store))
        return Rendered(ctx, run, render_challenger(ctx, run, weights, inputs))
    except TuneloopError as error:
        if not (isinstance(error, BudgetExceeded | TrainerRetired | TrainingFailed) or is_refusal(error)):
            raise
        # The others go on without it.
        ctx.ledger.unmark(run)
        return NotRendered(run, str(error))


def _ask(comparison: Comparison, questions: list[Choice]) -> bool:
    """Ask as `request_choice`; the sensor has no reason to resume the run for any other candidate."""
    asked = {each.run.key for each in questions}
    for ctx, run in comparison.candidates:
        if run.key not in asked:
            ctx.ledger.unmark(run)
    return request_choice(comparison, questions)


def _promote(comparison: Comparison, choice: Choice) -> State[Any] | None:
    """Promote what a person has chosen. Returns None where the champion has changed meanwhile."""
    ctx, run, decision = choice
    weights = TrainingLog.of(ctx.ledger, run).last
    if not isinstance(weights, Collected):
        raise LedgerError(
            f"the weights of {comparison.name_of(run)} are not collected any more; start the comparison again"
        )
    if ctx.registry.promote(run, weights, decision) is None:
        return None
    tasks.model_page(ctx, run.model)
    emit_model_event("promoted", run, decision, ctx.store)
    _show_answer(ctx, decision)
    return _end(comparison, "promoted", f"Promoted {comparison.name_of(run)} ({weights.name}): {decision.reason}")


def _why_nothing(comparison: Comparison) -> str:
    """Say why no candidate is promoted, on the page too where a person has said so."""
    if (other := asked_elsewhere(comparison)) is not None:
        return f"Not promoted here: run {other.decision.flow_run} asks about {comparison.name_of(other.run)} now"
    if (answer := answered(comparison)) is None:
        return "Not promoted: no candidate can be; the page says why"
    ctx, run, decision = answer
    emit_model_event("rejected", run, decision, ctx.store)
    _show_answer(ctx, decision)
    return f"Not promoted: {decision.reason}"


def _show_answer(ctx: RunContext, decision: Decision) -> None:
    try:
        show_answer(ctx.store, decision)
    except TuneloopError as error:
        get_run_logger().warning("the page does not show the answer: %s", error)


def _stop(comparison: Comparison, error: TuneloopError) -> State[Any]:
    """End a run that cannot rank now; what is trained stays in the store, and another one goes on with it."""
    for ctx, run in comparison.candidates:
        ctx.ledger.unmark(run)
    return Failed(message=str(error))


def _end(comparison: Comparison, label: Label, message: str) -> State[Any]:
    for ctx, run in comparison.candidates:
        ctx.ledger.unmark(run)
    label_run(comparison.record.model, label)
    return Completed(message=f"{message}.".replace("..", "."))
