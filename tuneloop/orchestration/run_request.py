"""What the parameters of a run ask for, and which training that is."""

from __future__ import annotations

from dataclasses import dataclass

from prefect.runtime import deployment
from pydantic import Field

from tuneloop.clock import now
from tuneloop.errors import ConfigurationError
from tuneloop.ledger.attempts import requested_attempt
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.submission import training_price
from tuneloop.orchestration.context import RunContext, load_clip_encoder
from tuneloop.providers.registry import PROVIDERS, Recipe, row_of
from tuneloop.schemas.dataset import PublicDataset, Sha256
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.records import RunRecord, Visibility
from tuneloop.schemas.training import TrainingIdentity


class TrainerChoice(FrozenModel):
    """A recipe, and the account that pays."""

    recipe: Recipe = Field(description="The trainer and its settings.")
    credentials: str | None = Field(
        default=None,
        description="The account that pays: the slug of its credentials block. Left out: the provider's block "
        "`default`.",
    )

    @property
    def account(self) -> str:
        return self.credentials or f"{row_of(self.recipe.provider).credentials}/default"


class Fallback(TrainerChoice):
    """A second trainer, for when the first one is retired, refuses, or is down for too long."""

    after_hours: float = Field(
        default=24,
        gt=0,
        le=720,
        description="How many hours the first trainer may be down, counted from the first run that noticed.",
    )
    used_because: str | None = Field(
        default=None,
        description="Why a run uses it already: set by the run that has started that one, and never in a file.",
    )


@dataclass(frozen=True)
class RunRequest:
    """The parameters of `retrain_model`."""

    model: str
    dataset: str
    recipe: BaseRecipe
    evaluation: EvaluationConfig
    visibility: Visibility = "unchanged"
    force_reason: str | None = None
    fallback: Fallback | None = None

    @property
    def plan(self) -> EvaluationConfig:
        """How the model is judged, with the service named."""
        return self.evaluation.rendered_by(self.recipe.services[0]())


def validate_request(ctx: RunContext, request: RunRequest) -> None:
    """Reject, before anything is sent, what the recipe's provider or this installation cannot do.

    Raises `ConfigurationError` where a parameter or a setting has to be changed.
    """
    recipe, provider, plan = request.recipe, ctx.provider, request.plan
    if recipe.provider != provider.name:
        raise ConfigurationError(
            f"recipe {type(recipe).__name__} is trained by {recipe.provider}, but {ctx.credentials_slug} "
            f"is an account at {provider.name}; name credentials of {recipe.provider}"
        )
    _check_rendered(recipe, plan, "")
    if request.fallback is not None:
        _check_fallback(ctx, request, request.fallback)
    if request.visibility != "unchanged" and not provider.capabilities.visibility:
        raise ConfigurationError(f"visibility: {provider.name} does not offer that; leave it unchanged")
    load_clip_encoder()
    budget = Budget(ctx.ledger, provider.account, ctx.limits)
    budget.require_price(training_price(provider, recipe, ctx.limits))
    budget.require_image_price(plan.service)


def _check_fallback(ctx: RunContext, request: RunRequest, fallback: Fallback) -> None:
    """Reject what would be found only when the fallback is needed."""
    second = fallback.recipe
    _check_rendered(second, request.evaluation.rendered_by(second.services[0]()), ", for the fallback")
    if fallback.used_because is not None:
        return
    if fallback.account == ctx.credentials_slug and second.canonical() == request.recipe.canonical():
        raise ConfigurationError(
            "fallback: it is the same training as the first one; name another trainer or another account"
        )
    block, row = fallback.account.partition("/")[0], row_of(second.provider)
    if block != row.credentials and block in {each.credentials for each in PROVIDERS}:
        raise ConfigurationError(
            f"fallback.credentials: {second.trainer} is trained by {row.name}, and {fallback.account} is an "
            "account of another provider"
        )
    if request.visibility != "unchanged" and not row.client.capabilities.visibility:
        raise ConfigurationError(f"visibility: the fallback's {row.name} does not offer that; leave it unchanged")


def _check_rendered(recipe: BaseRecipe, plan: EvaluationConfig, whose: str) -> None:
    if not isinstance(plan.settings, recipe.services):
        able = ", ".join(service().endpoint for service in recipe.services)
        raise ConfigurationError(
            f"evaluation.settings{whose}: a model of {type(recipe).__name__} is not rendered by "
            f"{plan.service.endpoint}; choose {able}, or default"
        )


def build_run_record(
    ctx: RunContext,
    request: RunRequest,
    digest: Sha256,
    public: PublicDataset | None = None,
    attempt: int | None = None,
) -> RunRecord:
    """Choose the training and the attempt that a run works on a dataset of this digest; nothing is written."""
    account, reason = ctx.provider.account, None
    identity = TrainingIdentity(dataset_digest=digest, recipe=request.recipe.canonical(), account=account)
    if attempt is None:
        attempt, reason = requested_attempt(ctx.ledger, identity.key, request.force_reason, ctx.flow_run)
    return RunRecord(
        created_at=now(),
        flow_run=ctx.flow_run,
        model=request.model,
        key=identity.key,
        attempt=attempt,
        dataset_digest=digest,
        recipe=request.recipe.model_dump(mode="json"),
        plan=request.plan,
        account=account,
        credentials=ctx.credentials_slug,
        store=ctx.store_slug,
        public_dataset=public,
        visibility=request.visibility,
        deployment=deployment.name,
        retrain_reason=reason,
        fallback_reason=request.fallback.used_because if request.fallback else None,
    )


def repeated_reason(request: RunRequest, run: RunRecord) -> str:
    """Say that a reason does not count any more; empty where it does or there is none."""
    if not request.force_reason or run.retrain_reason is not None:
        return ""
    return (
        " The reason in force_reason has been used before, and each reason counts once: give another one to train "
        "and pay again."
    )
