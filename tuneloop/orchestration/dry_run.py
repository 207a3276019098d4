"""A dry run: what a run would submit, why, and at what price."""

from __future__ import annotations

from typing import Any

from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tuneloop.ledger.submission import training_price
from tuneloop.ledger.unmeant import check_meant
from tuneloop.operations.plan import RunPlan, plan_run
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.run_request import RunRequest, build_run_record, validate_request
from tuneloop.orchestration.stages.dataset import open_and_check
from tuneloop.orchestration.stages.evaluation_costs import check_judging
from tuneloop.schemas.shown_text import in_markdown, visible

_NAMES_SHOWN = 20


def build_plan(ctx: RunContext, request: RunRequest) -> RunPlan:
    """Look at everything a run would look at, without a write or a request to the provider.

    Raises:
        ConfigurationError, DatasetError, BudgetExceeded: What the run itself would be refused for.
    """
    validate_request(ctx, request)
    with open_and_check(ctx, request.dataset, request.recipe) as looked:
        manifest = looked.dataset.manifest
    run = build_run_record(ctx, request, manifest.digest, looked.public, "dry-run")
    check_meant(ctx.ledger, run, request.recipe, ctx.provider.base_url)
    cents = training_price(request.recipe, ctx.limits)
    plan = plan_run(ctx.ledger, run, manifest, ctx.limits, cents)
    if plan.action in {"train", "judge"}:
        champion = ctx.ledger.champion(run.model)
        paid_first = (cents or 0) if plan.action == "train" else None
        check_judging(ctx, run, manifest, champion, paid_first, read_only=True)
    return plan


def show_plan(ctx: RunContext, request: RunRequest) -> State[Any]:
    """Show the plan on the run's page, and end."""
    plan = build_plan(ctx, request)
    create_markdown_artifact(
        key=f"plan-{plan.model}", markdown=plan_markdown(plan), description=visible(plan.what)
    )
    return Completed(message=f"Dry run, nothing was written or sent. {plan.action}: {plan.what}")


def plan_markdown(plan: RunPlan) -> str:
    """The plan as markdown, for the run page and the terminal."""
    rows = [
        ("training", plan.what),
        ("why", "; ".join(plan.why) or "nothing has changed"),
        ("price of the training", plan.price),
        ("judging", plan.judging),
        ("budget", plan.budget),
        ("dataset", f"{plan.images} images"),
        ("training key", plan.key),
    ]
    lines = [f"# {in_markdown(f'{plan.model}: {plan.action}')}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {in_markdown(value)} |" for name, value in rows]
    if plan.difference is not None:
        lines += _names("Added", plan.difference.added)
        lines += _names("Removed", plan.difference.removed)
        lines += _names("Caption changed", plan.difference.captions_changed)
    return "\n".join(lines) + "\n"


def _names(title: str, names: tuple[str, ...]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ["", f"**{title}:** {', '.join(in_markdown(name) for name in names[:_NAMES_SHOWN])}{more}"]
