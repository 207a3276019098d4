"""Several trainings side by side, ranked on one page; a person promotes one of them, or none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed

from tuneloop.clock import now
from tuneloop.datasets.store import load_manifest
from tuneloop.errors import BudgetExceeded, LedgerError, StoreError, TrainingFailed, TuneloopError
from tuneloop.evaluation.ranking import Contender, Ranked, rank
from tuneloop.evaluation.reports.answer import show_answer
from tuneloop.evaluation.reports.comparison_page import (
    ComparedModel,
    ComparisonReport,
    comparison_page_name,
    latest_comparison_page_name,
    write_comparison_in_short,
    write_comparison_page,
)
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration import tasks
from tuneloop.orchestration.comparison_choice import Choice, answered, chosen, open_questions, request_choice
from tuneloop.orchestration.comparison_request import Comparison, champion_run
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.events import Label, emit_model_event, label_run
from tuneloop.orchestration.stages.evaluation import render_challenger, render_champion, wait_until_deployed
from tuneloop.orchestration.stages.evaluation_costs import edit_inputs
from tuneloop.orchestration.stages.promotion import finish_cancelled_run
from tuneloop.orchestration.stages.training import train
from tuneloop.orchestration.suspend import StillWaiting, side_by_side, wait_for_any
from tuneloop.providers.registry import trainer_name
from tuneloop.registry.promotions import is_same_training
from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.records import (
    AnyTrainingRecord,
    Collected,
    Decision,
    Promotion,
    RunRecord,
    Submitted,
    Trained,
)
from tuneloop.schemas.shown_text import in_markdown
from tuneloop.schemas.training import job_name
from tuneloop.storage.page_link import page_link

_End = TypeVar("_End")


@dataclass(frozen=True)
class _Rendered:
    """A candidate that was trained and rendered."""

    ctx: RunContext
    run: RunRecord
    images: Evaluation


@dataclass(frozen=True)
class _Failed:
    """A candidate that has come to nothing, and why."""

    run: RunRecord
    reason: str


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
        elif not ctx.store.exists(page):
            _rank(comparison, _all_side_by_side(comparison, _train_and_render), champion, page)
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
        waits, ends, errors = list[StillWaiting](), list[_End](), list[TuneloopError]()
        for ctx, run in comparison.candidates:
            try:
                with side_by_side():
                    ends.append(advance(ctx, run))
            except StillWaiting as wait:
                waits.append(wait)
            except TuneloopError as error:
                get_run_logger().warning("%s: %s", trainer_name(run), error)
                errors.append(error)
        if not waits and errors:
            raise errors[0]
        if not waits:
            return ends
        wait_for_any(waits, comparison.ctx.store_slug)


def _train_and_render(ctx: RunContext, run: RunRecord) -> _Rendered | _Failed:
    try:
        weights = train(ctx, run)
        wait_until_deployed(ctx, run, weights)
        inputs = edit_inputs(load_manifest(run.dataset_digest, ctx.store))
        return _Rendered(ctx, run, render_challenger(ctx, run, weights, inputs))
    except (BudgetExceeded, TrainingFailed) as error:
        # The others go on without it.
        ctx.ledger.unmark(run)
        return _Failed(run, str(error))


def _rank(comparison: Comparison, ended: list[_Rendered | _Failed], champion: Promotion | None, page: str) -> None:
    """Score and rank, record a question for every candidate that may be promoted, and write the page, last."""
    rendered = [each for each in ended if isinstance(each, _Rendered)]
    champion_images = _champion_images(comparison, rendered, champion) if champion and rendered else None
    contenders = [_scored(each, champion_images, champion) for each in rendered]
    ranked = rank(contenders, comparison.record.runs[0].plan.gate)
    report = ComparisonReport(
        record=comparison.record,
        models=[_compared(rendered[one.index], contenders[one.index], one, champion) for one in ranked],
        failed=[(trainer_name(each.run), each.reason) for each in ended if isinstance(each, _Failed)],
        champion_number=champion.number if champion else None,
        champion=next((each.champion for each in contenders), None),
        at=now(),
    )
    for place, one in enumerate(ranked, 1):
        each = rendered[one.index]
        if champion is None or not is_same_training(champion, each.run):
            _record(each, one, f"No. {place} of {len(ranked)}", champion, page)
    _show(comparison, report, page)


def _champion_images(comparison: Comparison, rendered: list[_Rendered], champion: Promotion) -> Evaluation:
    own = next((each for each in rendered if is_same_training(champion, each.run)), None)
    if own is not None:
        return own.images
    run = champion_run(comparison.record, champion)
    ctx = next(ctx for ctx, each in comparison.candidates if each.key == run.key)
    return render_champion(ctx, run, champion, edit_inputs(load_manifest(run.dataset_digest, ctx.store)))


def _scored(each: _Rendered, champion_images: Evaluation | None, champion: Promotion | None) -> Contender:
    manifest = load_manifest(each.run.dataset_digest, each.ctx.store)
    words = (each.ctx.recipe(each.run).trigger, champion.trigger_word if champion else None)
    return Contender(*tasks.score(each.ctx, manifest, each.images, champion_images, tuple(filter(None, words))))


def _compared(each: _Rendered, contender: Contender, ranked: Ranked, champion: Promotion | None) -> ComparedModel:
    ctx, run = each.ctx, each.run
    training = TrainingLog.of(ctx.ledger, run)
    begun = next((record for record in training.history if _is_step(record, run, Submitted)), None)
    done = next((record for record in training.history if _is_step(record, run, Trained)), None)
    return ComparedModel(
        what=trainer_name(run),
        job=job_name(run.key, run.attempt),
        evaluation=contender.evaluation,
        ranked=ranked,
        cents=Budget(ctx.ledger, run.account, ctx.limits).reserved_cents(run, training.first),
        cents_per_image=ctx.limits.price_of_image(run.plan.service),
        training_time=done.created_at - begun.created_at if begun and done else None,
        is_champion=champion is not None and is_same_training(champion, run),
    )


def _is_step(record: AnyTrainingRecord, run: RunRecord, kind: type[AnyTrainingRecord]) -> bool:
    return isinstance(record, kind) and record.attempt == run.attempt


def _record(each: _Rendered, ranked: Ranked, place: str, champion: Promotion | None, page: str) -> None:
    """Record what the gate says, never a promotion: that is a person's question. Once, whoever is killed."""
    decisions = each.ctx.ledger.decisions(each.run)
    if decisions and decisions[-1].report == page:
        return
    result = ranked.result
    if ranked.passes:
        reason = f"{place} of the comparison {each.run.comparison}. {result.reason}"
        # Differences to another candidate are none to a champion.
        differences = result.differences if ranked.rival is None else ()
        update = {"verdict": "undecided", "reason": reason, "differences": differences, "by_thresholds": False}
        result = result.model_copy(update=update)
    against = champion.number if champion else 0
    while tasks.record_result(each.ctx, each.run, result, len(decisions) + 1, against, page) is None:
        decisions = each.ctx.ledger.decisions(each.run)  # a cancelled run has taken the number


def _show(comparison: Comparison, report: ComparisonReport, page: str) -> None:
    store, name = comparison.ctx.store, comparison.record.name
    written = write_comparison_page(store, report).encode()
    with suppress(StoreError):  # some let nothing be written twice
        store.rewrite(latest_comparison_page_name(comparison.record), written)
    link = page_link(store, page)
    short = write_comparison_in_short(report, link.to_markdown("Open the page"))
    create_markdown_artifact(key=f"comparison-{name}", markdown=short, description=in_markdown(report.summary))
    get_run_logger().info("comparison %s: %s Report: %s", name, report.summary, link.text)
    store.create(page, written)


def _ask(comparison: Comparison, questions: list[Choice]) -> bool:
    """Ask as `request_choice`; the sensor has no reason to resume the run for any other candidate."""
    asked = {each.run.key for each in questions}
    for ctx, run in comparison.candidates:
        if run.key not in asked:
            ctx.ledger.unmark(run)
    return request_choice(questions)


def _promote(comparison: Comparison, choice: Choice) -> State[Any] | None:
    """Promote what a person has chosen. Returns None where the champion has changed meanwhile."""
    ctx, run, decision = choice
    weights = TrainingLog.of(ctx.ledger, run).last
    if not isinstance(weights, Collected):
        raise LedgerError(
            f"the weights of {trainer_name(run)} are not collected any more; start the comparison again"
        )
    if ctx.registry.promote(run, weights, decision) is None:
        return None
    tasks.model_page(ctx, run.model)
    emit_model_event("promoted", run, decision, ctx.store)
    _show_answer(ctx, decision)
    return _end(comparison, "promoted", f"Promoted {trainer_name(run)} ({weights.name}): {decision.reason}")


def _why_nothing(comparison: Comparison) -> str:
    """Say why no candidate is promoted, on the page too where a person has said so."""
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


def _end(comparison: Comparison, label: Label, message: str) -> State[Any]:
    for ctx, run in comparison.candidates:
        ctx.ledger.unmark(run)
    label_run(comparison.record.model, label)
    return Completed(message=f"{message}.".replace("..", "."))
