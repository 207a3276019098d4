"""What a comparison is to compare: checked, priced, and written down before anything is paid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field, ValidationError

from tuneloop.clock import now
from tuneloop.errors import ConfigurationError, ProviderUnavailable, TuneloopError
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.ledger.unintended import check_intended, note_training
from tuneloop.operations.comparison import ComparisonPlan, check_budget
from tuneloop.operations.plan import RunPlan
from tuneloop.orchestration import tasks
from tuneloop.orchestration.blocks import open_store
from tuneloop.orchestration.comparison_costs import costs_of
from tuneloop.orchestration.context import RunContext, open_context
from tuneloop.orchestration.events import label_run
from tuneloop.orchestration.run_plan import plan_of
from tuneloop.orchestration.run_request import (
    RunRequest,
    TrainerChoice,
    build_run_record,
    validate_request,
)
from tuneloop.orchestration.stages.dataset import open_and_check
from tuneloop.providers.candidate_name import candidate_name
from tuneloop.schemas.dataset import DatasetManifest, PublicDataset
from tuneloop.schemas.evaluation import GatePolicy
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import ComparisonRecord, RunRecord
from tuneloop.schemas.render_settings import DefaultRender, RenderSettings
from tuneloop.schemas.shown_text import in_markdown
from tuneloop.schemas.spending import dollars
from tuneloop.schemas.training import job_name

_LARGEST_BUDGET = 1_000_000
"""In dollars."""
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
        """In US cents. Raises `ConfigurationError` where it is no amount."""
        if not 0 <= self.budget <= _LARGEST_BUDGET:
            raise ConfigurationError(
                f"budget: {self.budget} is not a budget; give an amount in dollars, {_LARGEST_BUDGET:,} at most"
            )
        return round(self.budget * 100)

    def run_request(self, candidate: Candidate) -> RunRequest:
        """What a run of one candidate alone would be asked for: all have the same prompts and seeds."""
        settings = candidate.settings
        if isinstance(settings, DefaultRender):
            settings = candidate.recipe.services[0]().shaped(self.aspect_ratio)
        plan = {"prompts": self.prompts, "seeds": self.seeds, "settings": settings, "gate": self.gate}
        try:
            evaluation = EvaluationConfig.model_validate(plan)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise ConfigurationError(wrong.removeprefix(": ")) from None
        return RunRequest(self.model, self.dataset, candidate.recipe, evaluation)


@dataclass(frozen=True)
class Comparison:
    """What is compared.

    Attributes:
        candidates: Those whose account could be opened, each with its opened blocks, in the order of the record.
        errors: Why the others could not.
    """

    record: ComparisonRecord
    candidates: list[tuple[RunContext, RunRecord]]
    errors: tuple[TuneloopError, ...] = ()

    def name_of(self, run: RunRecord) -> str:
        """What one of the candidates is called, unlike the others."""
        return candidate_name(run, self.record.runs)

    @property
    def ctx(self) -> RunContext:
        """For what is of no candidate's account: the store with its records."""
        return self.candidates[0][0]


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

    Raises as `plan_comparison`, and `ProviderError` where a provider rejects what is free.
    """

    def ingested(ctx: RunContext, wanted: RunRequest) -> _Checked:
        manifest, public, _ = tasks.scan_dataset(ctx, wanted, None, lambda _manifest, _public: None)
        return manifest, public

    comparison, _ = _checked(store, request, ingested, read_only=False)
    for ctx, run in comparison.candidates:
        if TrainingLog.of(ctx.ledger, run).last is None:
            # A trainer that is retired is found before the others are paid; one that is down is tried again later.
            with suppress(ProviderUnavailable):
                ctx.provider.prepare(job_name(run.key, run.attempt), ctx.recipe(run))
    for ctx, run in comparison.candidates:
        note_training(ctx.ledger, run)
    ledger = comparison.ctx.ledger
    # Where another process of this very run was first, what that one has decided on counts.
    record = ledger.save_comparison(comparison.record)
    for run in record.runs:
        ledger.mark(run)  # by these the sensor finds those too that are not begun when a process dies
    contexts = (ctx for ctx, _ in comparison.candidates)
    return Comparison(record, list(zip(contexts, record.runs, strict=True)))


def find_comparison(store: str, flow_run_id: str | None = None) -> Comparison | None:
    """What a flow run compares, this one where none is named; None where it compares nothing.

    An account that cannot be opened any more keeps nobody from collecting what the others have trained.

    Raises `ConfigurationError` or `StoreError` as `open_context`, where no account can be opened.
    """
    record = Ledger(open_store(store)).comparison(flow_run_id or str(flow_run.id))
    if record is None:
        return None
    opened, errors = list[tuple[RunContext, RunRecord]](), list[TuneloopError]()
    for run in record.runs:
        try:
            opened.append((open_context(store, run.credentials), run))
        except TuneloopError as error:
            errors.append(error)
    if not opened:
        raise errors[0]
    return Comparison(record, opened, tuple(errors))


def show_comparison_plan(store: str, request: ComparisonRequest) -> State[None]:
    """Show the plan on the run's page, and end."""
    plan = plan_comparison(store, request)
    lines = [f"# Comparison {plan.name}: {dollars(plan.cents)} of {dollars(plan.budget_cents)}", ""]
    lines += ["| model | what would happen | price |", "|---|---|---|"]
    lines += [f"| {in_markdown(what)} | {in_markdown(todo)} | {price} |" for what, todo, price in plan_table(plan)]
    summary = f"{len(plan.plans)} candidates would cost {dollars(plan.cents)} of {dollars(plan.budget_cents)}."
    label_run(plan.model, "dry-run")
    create_markdown_artifact(
        key=f"comparison-{plan.name}", markdown="\n".join(lines) + "\n", description=in_markdown(summary)
    )
    return Completed(message=f"Dry run, nothing was written or sent. {summary}")


def plan_table(plan: ComparisonPlan) -> list[tuple[str, str, str]]:
    """What each model of a comparison is, what would happen, and its price."""
    todo = [each.summary for each in plan.plans]
    todo += ["its missing images would be rendered"] * (len(plan.costs) - len(plan.plans))
    return [
        (cost.what, f"{what}; {cost.images} images", dollars(cost.cents))
        for cost, what in zip(plan.costs, todo, strict=True)
    ]


def _checked(
    store: str,
    request: ComparisonRequest,
    read: Callable[[RunContext, RunRequest], _Checked],
    *,
    read_only: bool,
) -> tuple[Comparison, ComparisonPlan]:
    if len(request.candidates) < 2:  # noqa: PLR2004
        raise ConfigurationError("recipes: a comparison needs at least two; add another one")
    budget_cents = request.budget_cents
    contexts = [open_context(store, each.account, read_only=read_only) for each in request.candidates]
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
            budget_cents=budget_cents,
        ),
        list(zip(contexts, runs, strict=True)),
    )
    costs = costs_of(comparison.record, comparison.candidates, manifests, [plan.cents for plan in plans])
    check_budget(costs, budget_cents)
    plan = ComparisonPlan(
        name=request.name,
        model=request.model,
        plans=tuple(plans),
        costs=tuple(costs),
        budget_cents=budget_cents,
    )
    return comparison, plan
