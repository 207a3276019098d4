"""What the parameters of a run ask for, and which training that is."""

from __future__ import annotations

from dataclasses import dataclass

from prefect.runtime import deployment

from tuneloop.clock import now
from tuneloop.errors import ConfigurationError
from tuneloop.ledger.attempts import wished_attempt
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.submission import training_price
from tuneloop.orchestration.clip_choice import load_clip_encoder
from tuneloop.orchestration.context import RunContext
from tuneloop.schemas.dataset import PublicDataset, Sha256
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.records import RunRecord, Visibility
from tuneloop.schemas.training import TrainingIdentity


@dataclass(frozen=True)
class RunRequest:
    """The parameters that say what is wanted; see `retrain_model`."""

    model: str
    dataset: str
    recipe: BaseRecipe
    evaluation: EvaluationConfig
    visibility: Visibility
    force_reason: str | None

    @property
    def plan(self) -> EvaluationConfig:
        """How the model is judged, with the service named."""
        return self.evaluation.rendered_by(self.recipe.services[0]())


def validate_request(ctx: RunContext, request: RunRequest) -> None:
    """Refuse, before anything is sent, what the recipe's provider or this installation cannot do.

    Raises:
        ConfigurationError: A parameter or a setting has to be changed.
    """
    recipe, provider, plan = request.recipe, ctx.provider, request.plan
    if recipe.provider != provider.name:
        raise ConfigurationError(
            f"recipe {type(recipe).__name__} is trained by {recipe.provider}, but {ctx.credentials_slug} "
            f"is an account at {provider.name}; name credentials of {recipe.provider}"
        )
    if not isinstance(plan.settings, recipe.services):
        able = ", ".join(service().endpoint for service in recipe.services)
        raise ConfigurationError(
            f"evaluation.settings: a model of {type(recipe).__name__} is not rendered by "
            f"{plan.service.endpoint}; choose {able}, or default"
        )
    if request.visibility != "unchanged" and not provider.capabilities.visibility:
        raise ConfigurationError(f"visibility: {provider.name} has no such thing; leave it unchanged")
    load_clip_encoder()
    budget = Budget(ctx.ledger, provider.account, ctx.limits)
    budget.require_price(training_price(recipe, ctx.limits))
    budget.require_image_price(plan.service)


def build_run_record(
    ctx: RunContext, request: RunRequest, digest: Sha256, public: PublicDataset | None, flow_run: str
) -> RunRecord:
    """Choose the training and the attempt that a run works on a dataset of this digest; nothing is written."""
    account = ctx.provider.account
    identity = TrainingIdentity(dataset_digest=digest, recipe=request.recipe.canonical(), account=account)
    attempt, reason = wished_attempt(ctx.ledger, identity.key, request.force_reason, flow_run)
    return RunRecord(
        created_at=now(),
        flow_run=flow_run,
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
    )
