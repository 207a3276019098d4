"""From weights in the store to a decision: render both models, score them, ask the gate, report."""

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
from tuneloop.orchestration.context import RunContext, load_clip_encoder
from tuneloop.orchestration.stages.evaluation_costs import (
    account_of,
    challenger_subject,
    champion_subject,
    check_evaluation_costs,
    edit_inputs,
)
from tuneloop.orchestration.suspend import wait_for
from tuneloop.registry.promotions import GATE, is_same_training
from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.records import Collected, Decision, Promotion, RunRecord
from tuneloop.schemas.training import Submission
from tuneloop.sensor.transitions import DEPLOYED_AFTER


def evaluate(ctx: RunContext, run: RunRecord, weights: Collected) -> Decision:
    """Find the decision on a collected model: the one that stands, or a new one against the champion of now.

    Raises:
        BudgetExceeded: The images do not fit into a limit.
        TrainingFailed: The provider does not render the model.
    """
    while True:
        # Before anything else is read: a decision that is written meanwhile takes this number, not the next one.
        decisions = ctx.ledger.decisions(run)
        decision = ctx.registry.current_decision(run, decisions)
        if decision is None:
            wait_until_deployed(ctx, run, weights)
            decision = _compare(ctx, run, weights, ctx.ledger.promotions(run.model), len(decisions) + 1)
        if decision is not None:
            return decision


def wait_until_deployed(ctx: RunContext, run: RunRecord, weights: Collected) -> None:
    """Wait for the provider to deploy the model; its weights are already safe.

    Raises `TrainingFailed` where the provider has had a day, or has deleted the model since.
    """
    while True:
        provider_status = "not shown"
        try:
            status = ctx.provider.get_job(Submission.of(weights))
        except (ProviderUnavailable, NotFoundAtProvider) as error:
            get_run_logger().warning("%s", error)
            if isinstance(error, NotFoundAtProvider):
                _fail_if_overdue(run, weights, provider_status)
        else:
            if status.phase == "ready":
                return
            provider_status = status.provider_status
            _fail_if_overdue(run, weights, provider_status)
        wait_for(
            f"Waiting for {run.account.provider} to deploy {weights.name} for rendering "
            f"(job {weights.job_id}, {provider_status}); its weights are in the store",
            ctx.store_slug,
        )


def _fail_if_overdue(run: RunRecord, weights: Collected, provider_status: str) -> None:
    if now() - weights.created_at > DEPLOYED_AFTER:
        raise TrainingFailed(
            f"{weights.name} was collected on {weights.created_at:%Y-%m-%d}, and cannot be judged by this "
            f"plan: {run.account.provider} does not render it (job {weights.job_id}, {provider_status}). What was "
            "decided before stands. Run again when it renders; if it was deleted there, start a run with a reason "
            "in force_reason, which is paid"
        )


def _compare(
    ctx: RunContext, run: RunRecord, weights: Collected, history: list[Promotion], number: int
) -> Decision | None:
    """Render, score, report, and record what the gate says under a number, see `Registry.record`."""
    current = history[-1] if history else None
    load_clip_encoder()  # a setting that cannot be used is found before images are paid
    manifest = load_manifest(run.dataset_digest, ctx.store)
    check_evaluation_costs(ctx, run, manifest, current)
    inputs = edit_inputs(manifest)
    rendered = render_challenger(ctx, run, weights, inputs)
    other = current if current is not None and not is_same_training(current, run) else None
    champion = render_champion(ctx, run, other, inputs) if other else None
    words = (ctx.recipe(run).trigger, other.trigger_word if other else None)
    challenger, champion = tasks.score(ctx, manifest, rendered, champion, tuple(filter(None, words)))
    evidence = DecisionReport(
        run=run,
        manifest=manifest,
        history=ctx.ledger.history(run.key),
        collected=weights,
        challenger=challenger,
        champion=champion,
        current_champion=other,
        champion_manifest=load_manifest(other.dataset_digest, ctx.store) if other else None,
        champion_history=history,
        cents=training_price(ctx.provider, ctx.recipe(run), ctx.limits, manifest),
        cents_per_image=ctx.limits.price_of_image(run.plan.service),
        decision=f"{ctx.ledger.decision_folder(run)}{number:04d}.json",
        decided_by=GATE,
        local_pipeline=ctx.recipe(run).local_pipeline,
        result=apply_gate(
            challenger, champion, run.plan.gate, is_current_champion=current is not None and other is None
        ),
    )
    against = current.number if current else 0
    report = tasks.report(ctx, evidence, against)
    return tasks.record_result(ctx, run, evidence.result, number, against, report)


def render_challenger(ctx: RunContext, run: RunRecord, weights: Collected, inputs: tuple[str, ...]) -> Evaluation:
    """Render the missing images of a run's model, by the account that has trained it.

    Raises `TrainingFailed` where the provider has had it for a day and has it no more.
    """
    subject = challenger_subject(ctx, run, inputs, weights)
    try:
        return tasks.render_images(ctx, (ctx.provider, ctx.limits), subject, run.plan, run, "challenger")
    except NotFoundAtProvider:
        _fail_if_overdue(run, weights, "not found")
        raise


def render_champion(ctx: RunContext, run: RunRecord, champion: Promotion, inputs: tuple[str, ...]) -> Evaluation:
    """Render the champion's missing images on the same prompts and seeds, by its own account.

    One that its provider has no more is judged by the images that are there.
    """
    subject, plan = champion_subject(run, champion, inputs)
    # Where nothing is missing no request is sent, and another account need not be there any more.
    elsewhere = champion.account != ctx.provider.account and count_missing(ctx.store, subject, plan)
    account = account_of(ctx, champion) if elsewhere else (ctx.provider, ctx.limits)
    try:
        return tasks.render_images(ctx, account, subject, plan, run, "champion")
    except NotFoundAtProvider as error:
        get_run_logger().warning("champion v%d is not rendered any more: %s", champion.number, error)
        return load_renders(ctx.store, subject, plan, absent=f"{champion.account.provider} has no such model")
