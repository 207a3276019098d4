"""From weights in the store to a decision: render both models, report, decide, promote."""

from __future__ import annotations

from prefect.logging import get_run_logger

from tuneloop.clock import now
from tuneloop.datasets.store import load_manifest
from tuneloop.errors import NotFoundAtProvider, ProviderUnavailable, TrainingFailed
from tuneloop.evaluation.gate import apply_gate
from tuneloop.evaluation.render import count_missing, load_renders
from tuneloop.evaluation.reports.report import DecisionReport
from tuneloop.ledger.submission import training_price
from tuneloop.orchestration import tasks
from tuneloop.orchestration.clip_choice import load_clip_encoder
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.events import emit_model_event
from tuneloop.orchestration.reviews import request_review
from tuneloop.orchestration.stages.evaluation_costs import (
    account_of,
    challenger_subject,
    champion_turn,
    check_judging,
    edited_by,
)
from tuneloop.orchestration.suspend import wait_for
from tuneloop.registry.promotions import WHO, DecisionSlot, is_same_training, owns_review, promote, standing_among
from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.records import Collected, Decision, Promotion, RunRecord
from tuneloop.sensor.transitions import DEPLOYED_AFTER


def decide(ctx: RunContext, run: RunRecord, collected: Collected) -> Decision:
    """Judge the collected model against whoever is champion, until a decision stands."""
    while True:
        # Before anything else is read: a decision that is written meanwhile takes this number, not the next one.
        decisions = ctx.ledger.decisions(run)
        number = len(decisions) + 1
        standing = standing_among(ctx.ledger, run, decisions)
        if standing is None:
            _wait_until_deployed(ctx, run, collected)
            standing = _evaluate_against(ctx, run, collected, ctx.ledger.promotions(run.model), number)
        if standing is None:
            continue
        if standing.verdict == "undecided":
            mine = owns_review(ctx.ledger, run, standing)
            if not mine or request_review(ctx, run, standing) is None:
                return standing
        elif standing.verdict == "reject" or promote(ctx.ledger, run, collected, standing, ctx.trigger_word(run)):
            return _announce(ctx, run, standing)


def _announce(ctx: RunContext, run: RunRecord, decision: Decision) -> Decision:
    if decision.verdict == "promote":
        tasks.model_page(ctx, run.model)
    emit_model_event("promoted" if decision.verdict == "promote" else "rejected", run, decision)
    return decision


def _wait_until_deployed(ctx: RunContext, run: RunRecord, collected: Collected) -> None:
    """Wait for the provider to deploy the model; its weights are already safe.

    Raises:
        TrainingFailed: The provider has had a day, or has deleted the model since.
    """
    while True:
        word = "not shown"
        try:
            status = ctx.provider.status(collected.job_id)
        except ProviderUnavailable as error:
            get_run_logger().warning("%s", error)
        except NotFoundAtProvider as error:
            get_run_logger().warning("%s", error)
            _fail_if_overdue(run, collected, word)
        else:
            if status.phase == "ready":
                return
            word = status.word
            _fail_if_overdue(run, collected, word)
        wait_for(
            f"Waiting for {run.account.provider} to deploy {collected.name} for rendering "
            f"(job {collected.job_id}, {word}); its weights are in the store",
            ctx.store_slug,
        )


def _fail_if_overdue(run: RunRecord, collected: Collected, word: str) -> None:
    if now() - collected.created_at > DEPLOYED_AFTER:
        raise TrainingFailed(
            f"{collected.name} was collected on {collected.created_at:%Y-%m-%d}, and cannot be judged by this "
            f"plan: {run.account.provider} does not render it (job {collected.job_id}, {word}). What was decided "
            "before stands. Run again when it renders; if it was deleted there, start a run with a reason in "
            "force_reason, which is paid"
        )


def _evaluate_against(
    ctx: RunContext, run: RunRecord, collected: Collected, line: list[Promotion], number: int
) -> Decision | None:
    """Render, score, report, and write what the gate says.

    Returns:
        The decision that has the number, by whomever; None where that is no verdict.
    """
    reigning = line[-1] if line else None
    load_clip_encoder()  # a setting that cannot be used is told before images are paid
    manifest = load_manifest(run.dataset_digest, ctx.store)
    check_judging(ctx, run, manifest, reigning)
    inputs = edited_by(manifest)
    subject = challenger_subject(ctx, run, inputs, collected.job_id)
    try:
        rendered = tasks.render_images(ctx, (ctx.provider, ctx.limits), subject, run.plan, run, "challenger")
    except NotFoundAtProvider:
        _fail_if_overdue(run, collected, "not found")
        raise
    other = reigning if reigning is not None and not is_same_training(reigning, run) else None
    champion = _render_champion(ctx, run, other, inputs) if other else None
    words = (ctx.trigger_word(run), other.trigger_word if other else None)
    challenger, champion = tasks.score(ctx, manifest, rendered, champion, tuple(filter(None, words)))
    place = DecisionSlot(number, reigning.number if reigning else 0)
    evidence = DecisionReport(
        run=run,
        manifest=manifest,
        history=ctx.ledger.history(run.key),
        collected=collected,
        challenger=challenger,
        champion=champion,
        reigning=other,
        champion_manifest=load_manifest(other.dataset_digest, ctx.store) if other else None,
        line=line,
        cents=training_price(ctx.recipe(run), ctx.limits),
        cents_per_image=ctx.limits.price_of_image(run.plan.service),
        decision=f"{ctx.ledger.decision_folder(run)}{number:04d}.json",
        decided_by=WHO,
        result=apply_gate(challenger, champion, run.plan.gate, reigns=reigning is not None and other is None),
    )
    report = tasks.report(ctx, evidence, place.against)
    return tasks.decide(ctx, evidence, place, report)


def _render_champion(ctx: RunContext, run: RunRecord, champion: Promotion, inputs: tuple[str, ...]) -> Evaluation:
    """Render the champion's missing images on the same prompts and seeds, by its own account.

    One that its provider has no more is judged by the images that are there.
    """
    subject, plan = champion_turn(run, champion, inputs)
    # Where nothing is missing nobody is asked, and another account need not be there any more.
    elsewhere = champion.account != ctx.provider.account and count_missing(ctx.store, subject, plan)
    account = account_of(ctx, champion) if elsewhere else (ctx.provider, ctx.limits)
    try:
        return tasks.render_images(ctx, account, subject, plan, run, "champion")
    except NotFoundAtProvider as error:
        get_run_logger().warning("champion no. %d is not rendered any more: %s", champion.number, error)
        return load_renders(ctx.store, subject, plan, absent=f"{champion.account.provider} has no such model")
