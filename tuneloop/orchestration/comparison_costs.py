"""What a comparison still costs: held to its one budget before it begins, and again before each payment."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tuneloop.datasets.store import load_manifest
from tuneloop.evaluation.render import ModelUnderTest, count_missing, count_unreserved
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.submission import training_price
from tuneloop.ledger.training import TrainingLog
from tuneloop.operations.comparison import ComparedCost, check_budget
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.stages.evaluation_costs import (
    account_of,
    challenger_subject,
    champion_subject,
    edit_inputs,
)
from tuneloop.providers.candidate_name import candidate_name
from tuneloop.providers.registry import recorded_recipe
from tuneloop.registry.promotions import is_same_training
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import ENDS, Collected, ComparisonRecord, Promotion, RunRecord
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.storage.base import Store

Candidates = Sequence[tuple[RunContext, RunRecord]]
_Count = Callable[[Store, ModelUnderTest, EvaluationConfig], int]


def costs_of(
    record: ComparisonRecord,
    candidates: Candidates,
    manifests: Sequence[DatasetManifest],
    cents: Sequence[int | None],
    count: _Count = count_missing,
) -> list[ComparedCost]:
    """What each candidate still costs, then the champion if it is none of them and its images are missing.

    Args:
        record: The comparison.
        candidates: Those that are priced.
        manifests: Their datasets, in the same order.
        cents: What the training of each costs from now on, None if unknown.
        count: Counts the images of a plan that are still to be paid.
    """
    costs = [
        ComparedCost(
            what=candidate_name(run, record.runs),
            credentials=run.credentials,
            training_cents=price,
            images=_images(ctx, run, manifest, count),
            cents_per_image=ctx.limits.price_of_image(run.plan.service),
        )
        for (ctx, run), manifest, price in zip(candidates, manifests, cents, strict=True)
    ]
    ctx = candidates[0][0]
    champion = ctx.ledger.champion(record.model)
    if champion is None or any(is_same_training(champion, run) for run in record.runs):
        return costs
    subject, shown = champion_subject(champion_run(record, champion), champion, edit_inputs(manifests[0]))
    images = count(ctx.store, subject, shown)
    cost = ComparedCost(
        what=f"champion v{champion.number}",
        credentials=champion.credentials,
        training_cents=0,
        images=images,
        cents_per_image=account_of(ctx, champion)[1].price_of_image(shown.service) if images else 0,
    )
    return [*costs, cost] if images else costs


def _images(ctx: RunContext, run: RunRecord, manifest: DatasetManifest, count: _Count) -> int:
    last = TrainingLog.of(ctx.ledger, run).last
    if last is not None and last.state in ENDS and not isinstance(last, Collected):
        return 0  # it has come to nothing
    return count(ctx.store, challenger_subject(ctx, run, edit_inputs(manifest)), run.plan)


def check_training_fits(record: ComparisonRecord, candidates: Candidates, own: RunRecord) -> None:
    """Hold a training that is to be paid, and all that has to be rendered then, to what is left of the budget.

    Prices and champions may have changed since the comparison began.

    Raises:
        BudgetExceeded: They cost more.
        ConfigurationError: A price is not known any more.
    """
    ctx = next(ctx for ctx, run in candidates if run == own)
    if _unpaid_cents(ctx, own, load_manifest(own.dataset_digest, ctx.store)) != 0:
        trained, champion = _costs_now(record, candidates, own)
        _check(record, candidates, [*trained, *champion])


def check_images_fit(record: ComparisonRecord, candidates: Candidates, own: RunRecord | None = None) -> None:
    """Hold the images of the trained candidates, `own` being one, to what is left; without `own`, the champion's.

    Raises as `check_training_fits`.
    """
    trained, champion = _costs_now(record, candidates, own)
    _check(record, candidates, champion if own is None else trained)


def _costs_now(
    record: ComparisonRecord, candidates: Candidates, own: RunRecord | None
) -> tuple[list[ComparedCost], list[ComparedCost]]:
    """What `own` and the trained candidates still cost, and what the champion does."""
    manifests = [load_manifest(run.dataset_digest, ctx.store) for ctx, run in candidates]
    cents = [_unpaid_cents(*each, manifest) for each, manifest in zip(candidates, manifests, strict=True)]
    costs = costs_of(record, candidates, manifests, cents, count_unreserved)
    of_candidates = zip(costs, (run for _, run in candidates), strict=False)
    counted = [cost for cost, run in of_candidates if run == own or cost.training_cents == 0]
    return counted, costs[len(candidates) :]


def _check(record: ComparisonRecord, candidates: Candidates, costs: list[ComparedCost]) -> None:
    if any(cost.missing_prices or cost.cents for cost in costs):
        check_budget(costs, record.budget_cents, _spent_cents(record, candidates))


def _unpaid_cents(ctx: RunContext, run: RunRecord, manifest: DatasetManifest) -> int | None:
    """What a training costs from now on: nothing once it is paid or has ended; None if unknown."""
    training = TrainingLog.of(ctx.ledger, run)
    if training.known is not None or (training.last is not None and training.last.state in ENDS):
        return 0
    if Budget(ctx.ledger, run.account, ctx.limits).reserved_cents(run, training.first) is not None:
        return 0
    return training_price(ctx.provider, ctx.recipe(run), ctx.limits, manifest)


def _spent_cents(record: ComparisonRecord, candidates: Candidates) -> int:
    """What a comparison has reserved by now, at every account that can have paid for it."""
    ledger = candidates[0][0].ledger
    accounts = {run.account for run in record.runs}
    accounts |= {promotion.account for promotion in ledger.promotions(record.model)}
    budgets = (Budget(ledger, account, SpendingLimits()) for account in accounts)
    return sum(budget.reserved_by(record.flow_run, record.created_at) for budget in budgets)


def champion_run(record: ComparisonRecord, champion: Promotion) -> RunRecord:
    """The candidate on whose behalf the champion is rendered, with a plan for the champion's own service."""
    services = recorded_recipe.validate_python(champion.recipe).services
    fitting = [run for run in record.runs if isinstance(run.plan.settings, services)]
    if fitting:
        return fitting[0]
    first = record.runs[0]
    settings = services[0]().shaped(record.aspect_ratio)
    return first.model_copy(update={"plan": first.plan.model_copy(update={"settings": settings})})
