"""The ranking of a comparison: scores, a question for every candidate that may be promoted, and the page."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from prefect.logging import get_run_logger

from tuneloop.clock import now
from tuneloop.datasets.store import load_manifest
from tuneloop.errors import StoreError
from tuneloop.evaluation.ranking import Contender, Ranked, rank
from tuneloop.evaluation.reports.comparison_page import (
    ComparedModel,
    ComparisonReport,
    latest_comparison_page_name,
    write_comparison_in_short,
    write_comparison_page,
)
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration import tasks
from tuneloop.orchestration.artifacts import show_artifact
from tuneloop.orchestration.comparison_costs import champion_run, check_images_fit
from tuneloop.orchestration.comparison_request import Comparison
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.stages.evaluation import render_champion
from tuneloop.orchestration.stages.evaluation_costs import edit_inputs
from tuneloop.registry.promotions import is_same_training
from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.records import AnyTrainingRecord, Promotion, RunRecord, Submitted, Trained
from tuneloop.schemas.shown_text import in_markdown
from tuneloop.schemas.training import job_name
from tuneloop.storage.page_link import page_link


@dataclass(frozen=True)
class Rendered:
    """A candidate that was trained and rendered."""

    ctx: RunContext
    run: RunRecord
    images: Evaluation


@dataclass(frozen=True)
class NotRendered:
    """A candidate that has come to nothing, and why."""

    run: RunRecord
    reason: str


def rank_candidates(
    comparison: Comparison, ended: list[Rendered | NotRendered], champion: Promotion | None, page: str
) -> None:
    """Score and rank, record a question for every candidate that may be promoted, and write the page, last.

    Raises `BudgetExceeded` where the champion's images do not fit into the budget any more.
    """
    rendered = [each for each in ended if isinstance(each, Rendered)]
    champion_images = _champion_images(comparison, rendered, champion) if champion and rendered else None
    contenders = [_scored(each, champion_images, champion) for each in rendered]
    ranked = rank(contenders, comparison.record.runs[0].plan.gate)
    report = ComparisonReport(
        record=comparison.record,
        models=[
            _compared(comparison, rendered[one.index], contenders[one.index], one, champion) for one in ranked
        ],
        failed=[(comparison.name_of(each.run), each.reason) for each in ended if isinstance(each, NotRendered)],
        champion_number=champion.number if champion else None,
        champion=next((each.champion for each in contenders), None),
        at=now(),
    )
    for place, one in enumerate(ranked, 1):
        each = rendered[one.index]
        if champion is None or not is_same_training(champion, each.run):
            _record(each, one, f"No. {place} of {len(ranked)}", champion, page)
    _show(comparison, report, page)


def _champion_images(comparison: Comparison, rendered: list[Rendered], champion: Promotion) -> Evaluation:
    own = next((each for each in rendered if is_same_training(champion, each.run)), None)
    if own is not None:
        return own.images
    run = champion_run(comparison.record, champion)
    ctx = next(ctx for ctx, each in comparison.candidates if each.key == run.key)
    check_images_fit(comparison.record, comparison.candidates)
    return render_champion(ctx, run, champion, edit_inputs(load_manifest(run.dataset_digest, ctx.store)))


def _scored(each: Rendered, champion_images: Evaluation | None, champion: Promotion | None) -> Contender:
    manifest = load_manifest(each.run.dataset_digest, each.ctx.store)
    words = (each.ctx.recipe(each.run).trigger, champion.trigger_word if champion else None)
    return Contender(*tasks.score(each.ctx, manifest, each.images, champion_images, tuple(filter(None, words))))


def _compared(
    comparison: Comparison, each: Rendered, contender: Contender, ranked: Ranked, champion: Promotion | None
) -> ComparedModel:
    ctx, run = each.ctx, each.run
    training = TrainingLog.of(ctx.ledger, run)
    begun = next((record for record in training.history if _is_step(record, run, Submitted)), None)
    done = next((record for record in training.history if _is_step(record, run, Trained)), None)
    return ComparedModel(
        what=comparison.name_of(run),
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


def _record(each: Rendered, ranked: Ranked, place: str, champion: Promotion | None, page: str) -> None:
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
    show_artifact(f"comparison-{name}", short, in_markdown(report.summary))
    get_run_logger().info("comparison %s: %s Report: %s", name, report.summary, link.text)
    store.create(page, written)
