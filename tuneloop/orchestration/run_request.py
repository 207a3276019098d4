"""What the parameters of a run ask for, and which training that is."""

from __future__ import annotations

from dataclasses import dataclass

from prefect.runtime import deployment

from tuneloop.clock import now
from tuneloop.errors import ConfigurationError
from tuneloop.ledger.attempts import wished_attempt
from tuneloop.ledger.image_budget import ImageBudget
from tuneloop.ledger.submission import price_of
from tuneloop.orchestration.clip_choice import chosen_encoder
from tuneloop.orchestration.context import Desk
from tuneloop.schemas.dataset import PublicDataset, Sha256
from tuneloop.schemas.plan import EvaluationPlan
from tuneloop.schemas.recipe_fields import RecipeFields
from tuneloop.schemas.records import RunFile, Visibility
from tuneloop.schemas.training import TrainingIdentity


@dataclass(frozen=True)
class Wish:
    """The parameters that say what is wanted; see `retrain_model`."""

    model: str
    dataset: str
    recipe: RecipeFields
    evaluation: EvaluationPlan
    visibility: Visibility
    retrain_unchanged: str | None

    @property
    def plan(self) -> EvaluationPlan:
        """How the model is judged, with the service named."""
        return self.evaluation.rendered_by(self.recipe.services[0]())


def check_it_fits(desk: Desk, wish: Wish) -> None:
    """Refuse, before anything is sent, what the recipe's provider or this installation cannot do.

    Raises:
        ConfigurationError: A parameter or a setting has to be changed.
    """
    recipe, provider, plan = wish.recipe, desk.provider, wish.plan
    if recipe.provider != provider.name:
        raise ConfigurationError(
            f"recipe {type(recipe).__name__} is trained by {recipe.provider}, but {desk.credentials_slug} "
            f"is an account at {provider.name}; name credentials of {recipe.provider}"
        )
    if not isinstance(plan.settings, recipe.services):
        able = ", ".join(service().endpoint for service in recipe.services)
        raise ConfigurationError(
            f"evaluation.settings: a model of {type(recipe).__name__} is not rendered by "
            f"{plan.service.endpoint}; choose {able}, or default"
        )
    if wish.visibility != "unchanged" and not provider.capabilities.visibility:
        raise ConfigurationError(f"visibility: {provider.name} has no such thing; leave it unchanged")
    chosen_encoder()
    budget = ImageBudget(desk.ledger, provider.account, desk.limits)
    budget.check_price(price_of(recipe, desk.limits))
    budget.check_price_of_images(plan.service)


def run_file(desk: Desk, wish: Wish, digest: Sha256, public: PublicDataset | None, flow_run: str) -> RunFile:
    """Choose the training and the generation that a run works on a dataset of this digest; nothing is written."""
    account = desk.provider.account
    identity = TrainingIdentity(dataset_digest=digest, recipe=wish.recipe.canonical(), account=account)
    generation, reason = wished_attempt(desk.ledger, identity.key, wish.retrain_unchanged, flow_run)
    return RunFile(
        at=now(),
        flow_run=flow_run,
        model=wish.model,
        key=identity.key,
        generation=generation,
        dataset_digest=digest,
        recipe=wish.recipe.model_dump(mode="json"),
        plan=wish.plan,
        account=account,
        credentials=desk.credentials_slug,
        store=desk.store_slug,
        public_dataset=public,
        visibility=wish.visibility,
        deployment=deployment.name,
        retrain_reason=reason,
    )
