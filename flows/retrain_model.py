"""Retrain one model when its pictures, its recipe or its plan have changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed

from flows import steps
from flows.desk import Desk, open_desk
from flows.judging_story import decide
from flows.training_story import bring_home
from tuneloop.clock import now
from tuneloop.errors import ConfigurationError
from tuneloop.promotion import finished_decision
from tuneloop.submission import choose_generation
from tuneloop.values.plan import EvaluationPlan
from tuneloop.values.recipe_fields import RecipeFields
from tuneloop.values.recipes import Recipe
from tuneloop.values.records import Decision, RunFile
from tuneloop.values.training import ModelName, TrainingIdentity


@flow(name="retrain-model", flow_run_name="{model}")
def retrain_model(
    model: ModelName,
    dataset: str,
    recipe: Recipe,
    evaluation: EvaluationPlan = EvaluationPlan(),  # noqa: B008 - frozen
    store: str = "local-file-system/tuneloop",
    credentials: str = "segmind-credentials/default",
    visibility: Literal["unchanged", "public", "private"] = "unchanged",
    retrain_unchanged: str | None = None,
) -> State[Any]:
    """Retrain a model if its pictures or its recipe have changed, and promote the result if it passes.

    Pictures and captions are read from the folder, which is never changed. A training that was paid for once is
    never paid for again: a run on unchanged pictures, recipe and plan ends as "Unchanged". While the provider
    trains, the run is suspended and holds nothing; the sensor (watch-trainings) wakes it. Cancel it and nothing
    is lost: the next run carries on.

    Needs: a store block, a credentials block, and a deployment of watch-trainings that names the store.

    Args:
        model: Name of the model: small letters, digits and hyphens.
        dataset: Folder of jpg, png or webp pictures, as the worker sees it; captions are .txt files beside them.
            Kontext takes pairs, NN_start and NN_end. Or the public address of a flat zip.
        recipe: The trainer and its settings.
        evaluation: What is rendered to judge the model.
        store: Where weights and records go: s3-bucket/NAME or local-file-system/NAME.
        credentials: The account that pays: segmind-credentials/NAME or bfl-credentials/NAME.
        visibility: Make the promoted model public or private at the provider, where there is such a thing.
        retrain_unchanged: A reason to train once more although nothing has changed. It is paid again.
    """
    desk = open_desk(store, credentials)
    run = desk.ledger.run(flow_run.id)
    if run is None:
        wish = _Wish(model, dataset, recipe, evaluation, visibility, retrain_unchanged)
        run = desk.ledger.remember_run(_decide_what_to_do(desk, wish))
        settled = finished_decision(desk.ledger, run)
        if settled is not None:
            return _unchanged(desk, run, settled)
    collected = bring_home(desk, run)
    decision = decide(desk, run, collected)
    if decision.verdict == "promote" and visibility != "unchanged":
        steps.set_visibility(desk, collected.job_id, public=visibility == "public")
    desk.ledger.unmark(run)
    outcome = "promoted" if decision.verdict == "promote" else "not promoted"
    return Completed(message=f"{collected.name}: {outcome}. {decision.why}")


@dataclass(frozen=True)
class _Wish:
    """The parameters that say what is wanted."""

    model: str
    dataset: str
    recipe: RecipeFields
    evaluation: EvaluationPlan
    visibility: str
    retrain_unchanged: str | None


def _decide_what_to_do(desk: Desk, wish: _Wish) -> RunFile:
    """Scan the dataset, and choose the training and the generation that this run will work on."""
    recipe = wish.recipe
    plan = wish.evaluation.rendered_by(recipe.services[0]())
    _check_they_fit(desk, wish, plan)
    manifest, public = steps.scan_dataset(desk, wish.dataset, recipe)
    account = desk.provider.account
    identity = TrainingIdentity(dataset_digest=manifest.digest, recipe=recipe.canonical(), account=account)
    get_run_logger().info("training key %s", identity.key)
    return RunFile(
        at=now(),
        flow_run=str(flow_run.id),
        model=wish.model,
        key=identity.key,
        generation=choose_generation(desk.ledger, identity.key, wish.retrain_unchanged),
        dataset_digest=manifest.digest,
        recipe=recipe.model_dump(mode="json"),
        plan=plan,
        account=account,
        credentials=desk.credentials_slug,
        store=desk.store_slug,
        public_dataset=public,
    )


def _check_they_fit(desk: Desk, wish: _Wish, plan: EvaluationPlan) -> None:
    """Refuse, before anything is sent, what the recipe's provider cannot do."""
    recipe, provider = wish.recipe, desk.provider
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


def _unchanged(desk: Desk, run: RunFile, decision: Decision) -> State[Any]:
    """End a run that has nothing to do, with a sentence why."""
    champion = desk.ledger.champion(run.model)
    reigning = f"champion is no. {champion.number}" if champion else "there is no champion"
    return Completed(
        name="Unchanged",
        message="Nothing to do and nothing paid: these pictures, captions, recipe and plan were trained "
        f"and judged on {decision.at:%Y-%m-%d %H:%M} UTC ({decision.verdict}); {reigning}.",
    )
