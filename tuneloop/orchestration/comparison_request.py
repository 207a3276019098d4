"""What a comparison is to compare: checked, priced, and written down before anything is paid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from tuneloop.clock import now
from tuneloop.errors import ConfigurationError
from tuneloop.evaluation.render import count_missing
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.unintended import check_intended, note_training
from tuneloop.operations.comparison import ComparedCost, ComparisonPlan, check_budget
from tuneloop.operations.plan import RunPlan
from tuneloop.orchestration import tasks
from tuneloop.orchestration.blocks import open_store
from tuneloop.orchestration.context import RunContext, open_context
from tuneloop.orchestration.run_request import (
    RunRequest,
    TrainerChoice,
    build_run_record,
    plan_of,
    validate_request,
)
from tuneloop.orchestration.stages.dataset import open_and_check
from tuneloop.orchestration.stages.evaluation_costs import (
    account_of,
    challenger_subject,
    champion_subject,
    edit_inputs,
)
from tuneloop.providers.registry import recorded_recipe, trainer_name
from tuneloop.registry.promotions import is_same_training
from tuneloop.schemas.dataset import DatasetManifest, PublicDataset
from tuneloop.schemas.evaluation import GatePolicy
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import ComparisonRecord, Promotion, RunRecord
from tuneloop.schemas.render_settings import DefaultRender, RenderSettings
from tuneloop.schemas.shown_text import in_markdown
from tuneloop.schemas.spending import dollars

_Checked = tuple[DatasetManifest, PublicDataset | None]


class Candidate(TrainerChoice):
    """One trainer of a comparison."""

    settings: RenderSettings = Field(
        default=DefaultRender(),
        description="How its images are rendered. Left out: by its own service, at the aspect ratio of the "
        "comparison.",
    )


@dataclass(frozen=True)
class ComparisonRequest:
    """The parameters of `compare_trainers`; the budget is in dollars."""

    name: str
    model: str
    dataset: str
    candidates: Sequence[Candidate]
    budget: float
    prompts: Sequence[str]
    seeds: Sequence[int]
    aspect_ratio: str
    gate: GatePolicy

    @property
    def budget_cents(self) -> int:
        return round(self.budget * 100)

    def run_request(self, candidate: Candidate) -> RunRequest:
        """What a run of one candidate alone would be asked for: all have the same prompts and seeds."""
        settings = candidate.settings
        if isinstance(settings, DefaultRender):
            settings = candidate.recipe.services[0]().shaped(self.aspect_ratio)
        plan = EvaluationConfig(
            prompts=tuple(self.prompts), seeds=tuple(self.seeds), settings=settings, gate=self.gate
        )
        return RunRequest(self.model, self.dataset, candidate.recipe, plan)


@dataclass(frozen=True)
class Comparison:
    """What is compared, and the opened blocks of each candidate, in the same order."""

    record: ComparisonRecord
    contexts: tuple[RunContext, ...]

    @property
    def ctx(self) -> RunContext:
        """For what is of no candidate's account: the store with its records."""
        return self.contexts[0]

    @property
    def candidates(self) -> list[tuple[RunContext, RunRecord]]:
        return list(zip(self.contexts, self.record.runs, strict=True))


def plan_comparison(store: str, request: ComparisonRequest) -> ComparisonPlan:
    """Check and price everything as a run would, without a write or a request to a provider.

    Raises:
        ConfigurationError: A parameter has to be changed, or a price has to be filled in.
        DatasetError: The dataset cannot be used.
        BudgetExceeded: It costs more than its budget, or than an account allows.
    """

    def checked(ctx: RunContext, wanted: RunRequest) -> _Checked:
        with open_and_check(ctx, wanted.dataset, wanted.recipe) as found:
            return found.found.require_manifest(), found.public

    return _checked(store, request, checked, read_only=True)[1]


def prepare_comparison(store: str, request: ComparisonRequest) -> Comparison:
    """Decide what a run compares, and write it down: the dataset is in the store, and all of it fits the budget.

    Raises as `plan_comparison`.
    """

    def ingested(ctx: RunContext, wanted: RunRequest) -> _Checked:
        manifest, public, _ = tasks.scan_dataset(ctx, wanted, None, lambda _manifest, _public: None)
        return manifest, public

    comparison, _ = _checked(store, request, ingested, read_only=False)
    for ctx, run in comparison.candidates:
        note_training(ctx.ledger, run)
    # Where another process of this very run was first, what that one has decided on counts.
    return Comparison(comparison.ctx.ledger.save_comparison(comparison.record), comparison.contexts)


def find_comparison(store: str, flow_run_id: str | None = None) -> Comparison | None:
    """What a flow run compares, this one where none is named; None where it compares nothing.

    Raises `ConfigurationError` or `StoreError` as `open_context`.
    """
    record = Ledger(open_store(store)).comparison(flow_run_id or str(flow_run.id))
    if record is None:
        return None
    return Comparison(record, tuple(open_context(store, run.credentials) for run in record.runs))


def show_comparison_plan(store: str, request: ComparisonRequest) -> State[None]:
    """Show the plan on the run's page, and end."""
    plan = plan_comparison(store, request)
    lines = [f"# Comparison {plan.name}: {dollars(plan.cents)} of {dollars(plan.budget_cents)}", ""]
    lines += ["| model | what would happen | price |", "|---|---|---|"]
    lines += [f"| {in_markdown(what)} | {in_markdown(todo)} | {price} |" for what, todo, price in plan_table(plan)]
    create_markdown_artifact(key=f"comparison-{plan.name}", markdown="\n".join(lines) + "\n")
    return Completed(
        message=f"Dry run, nothing was written or sent. {len(plan.plans)} candidates would cost "
        f"{dollars(plan.cents)} of {dollars(plan.budget_cents)}."
    )


def plan_table(plan: ComparisonPlan) -> list[tuple[str, str, str]]:
    """What each model of a comparison is, what would happen, and its price."""
    todo = [each.summary for each in plan.plans]
    todo += ["its missing images would be rendered"] * (len(plan.costs) - len(plan.plans))
    return [
        (cost.what, f"{what}; {cost.images} images", dollars(cost.cents))
        for cost, what in zip(plan.costs, todo, strict=True)
    ]


def champion_run(record: ComparisonRecord, champion: Promotion) -> RunRecord:
    """The candidate on whose behalf the champion is rendered, with a plan for the champion's own service."""
    services = recorded_recipe.validate_python(champion.recipe).services
    fitting = [run for run in record.runs if isinstance(run.plan.settings, services)]
    if fitting:
        return fitting[0]
    first = record.runs[0]
    settings = services[0]().shaped(record.aspect_ratio)
    return first.model_copy(update={"plan": first.plan.model_copy(update={"settings": settings})})


def _checked(
    store: str,
    request: ComparisonRequest,
    read: Callable[[RunContext, RunRequest], _Checked],
    *,
    read_only: bool,
) -> tuple[Comparison, ComparisonPlan]:
    if len(request.candidates) < 2:  # noqa: PLR2004
        raise ConfigurationError("recipes: a comparison needs two at least; name another one")
    contexts = tuple(open_context(store, each.account, read_only=read_only) for each in request.candidates)
    wanted = [request.run_request(each) for each in request.candidates]
    for ctx, each in zip(contexts, wanted, strict=True):
        validate_request(ctx, each)
    runs, manifests, plans = list[RunRecord](), list[DatasetManifest](), list[RunPlan]()
    for ctx, each in zip(contexts, wanted, strict=True):
        manifest, public = read(ctx, each)
        run = build_run_record(ctx, each, manifest.digest, public)
        check_intended(ctx.ledger, run, each.recipe, ctx.provider.base_url)
        runs.append(run.model_copy(update={"comparison": request.name}))
        manifests.append(manifest)
        plans.append(plan_of(ctx, run, manifest))
    if len({run.key[:16] for run in runs}) < len(runs):
        raise ConfigurationError("recipes: two of them are the same training; leave one out")
    comparison = Comparison(
        ComparisonRecord(
            created_at=now(),
            flow_run=str(flow_run.id),
            name=request.name,
            model=request.model,
            runs=tuple(runs),
            aspect_ratio=request.aspect_ratio,
            budget_cents=request.budget_cents,
        ),
        contexts,
    )
    costs = _costs(comparison, manifests, plans)
    check_budget(costs, request.budget_cents)
    plan = ComparisonPlan(
        name=request.name,
        model=request.model,
        plans=tuple(plans),
        costs=tuple(costs),
        budget_cents=request.budget_cents,
    )
    return comparison, plan


def _costs(
    comparison: Comparison, manifests: Sequence[DatasetManifest], plans: Sequence[RunPlan]
) -> list[ComparedCost]:
    costs = [
        ComparedCost(
            what=trainer_name(run),
            credentials=run.credentials,
            training_cents=plan.cents,
            images=count_missing(ctx.store, challenger_subject(ctx, run, edit_inputs(manifest)), run.plan),
            cents_per_image=plan.cents_per_image,
        )
        for (ctx, run), manifest, plan in zip(comparison.candidates, manifests, plans, strict=True)
    ]
    ctx, champion = comparison.ctx, comparison.ctx.ledger.champion(comparison.record.model)
    if champion is None or any(is_same_training(champion, run) for run in comparison.record.runs):
        return costs
    subject, shown = champion_subject(
        champion_run(comparison.record, champion), champion, edit_inputs(manifests[0])
    )
    images = count_missing(ctx.store, subject, shown)
    price = account_of(ctx, champion)[1].price_of_image(shown.service) if images else 0
    what = f"champion v{champion.number}"
    cost = ComparedCost(
        what=what, credentials=champion.credentials, training_cents=0, images=images, cents_per_image=price
    )
    return [*costs, cost] if images else costs
