"""The plan that a dry run shows: what would be submitted, why, and at what price."""

from __future__ import annotations

from typing import Any

from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tuneloop.ledger.submission import quoted_price
from tuneloop.ledger.unintended import check_intended
from tuneloop.operations.plan import RunPlan, plan_run
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.events import label_run
from tuneloop.orchestration.run_request import RunRequest, build_run_record, validate_request
from tuneloop.orchestration.stages.dataset import open_and_check
from tuneloop.orchestration.stages.evaluation_costs import check_evaluation_costs
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.shown_text import in_markdown

_NAMES_SHOWN = 20


def build_plan(ctx: RunContext, request: RunRequest) -> RunPlan:
    """Check everything that a run would check, without a write or a request to the provider.

    Raises `ConfigurationError`, `DatasetError` or `BudgetExceeded` as the run itself would.
    """
    validate_request(ctx, request)
    with open_and_check(ctx, request.dataset, request.recipe) as checked:
        manifest = checked.found.require_manifest()
    run = build_run_record(ctx, request, manifest.digest, checked.public)
    check_intended(ctx.ledger, run, request.recipe, ctx.provider.base_url)
    return plan_of(ctx, run, manifest)


def plan_of(ctx: RunContext, run: RunRecord, manifest: DatasetManifest) -> RunPlan:
    """Plan a run on a checked dataset, and check its account's limits. Raises as `build_plan`."""
    price = quoted_price(ctx.provider, ctx.recipe(run), ctx.limits, manifest)
    cents, source = (price.cents, price.source) if price else (None, None)
    plan = plan_run(ctx.ledger, run, manifest, ctx.limits, cents, source)
    if plan.action in {"train", "evaluate"}:
        champion = ctx.ledger.champion(run.model)
        paid_first = (cents or 0) if plan.action == "train" else None
        check_evaluation_costs(ctx, run, manifest, champion, paid_first, read_only=True)
    return plan


def show_plan(ctx: RunContext, request: RunRequest) -> State[Any]:
    """Show the plan on the run's page, and end."""
    plan = build_plan(ctx, request)
    summary = f"{plan.action}: {plan.summary}"
    label_run(plan.model, "dry-run")
    create_markdown_artifact(
        key=f"plan-{plan.model}", markdown=plan_markdown(plan), description=in_markdown(summary)
    )
    return Completed(message=f"Dry run, nothing was written or sent. {summary}")


def plan_rows(plan: RunPlan) -> list[tuple[str, str]]:
    """What a plan says, each with its name."""
    rows = [
        ("training", plan.summary),
        ("reasons", "; ".join(plan.reasons) or "nothing has changed"),
        ("price of the training", plan.price),
        ("evaluation", plan.evaluation),
        ("prices", plan.missing_prices),
        ("budget", plan.budget),
        ("dataset", f"{plan.images} images"),
        ("training key", plan.key),
    ]
    return [(name, value) for name, value in rows if value is not None]


def plan_changes(plan: RunPlan) -> list[tuple[str, str]]:
    """The files that differ from the champion's dataset, by what has become of them."""
    if plan.difference is None:
        return []
    changed = {
        "Added": plan.difference.added,
        "Removed": plan.difference.removed,
        "Caption changed": plan.difference.captions_changed,
    }
    return [(what, _names(names)) for what, names in changed.items() if names]


def plan_markdown(plan: RunPlan) -> str:
    """The plan as markdown, for the run page."""
    lines = [f"# {in_markdown(f'{plan.model}: {plan.action}')}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {in_markdown(value)} |" for name, value in plan_rows(plan)]
    for name, value in plan_changes(plan):
        lines += ["", f"**{name}:** {in_markdown(value)}"]
    return "\n".join(lines) + "\n"


def _names(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{', '.join(names[:_NAMES_SHOWN])}{more}"
