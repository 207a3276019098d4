"""Take in a model that was fine-tuned elsewhere: weights, evaluation, and a place in the champion history."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tuneloop.datasets.store import store_images
from tuneloop.errors import BudgetExceeded, ConfigurationError, TrainingFailed
from tuneloop.ledger.adoption import adopt, only_id
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration import tasks
from tuneloop.orchestration.context import RunContext, open_context
from tuneloop.orchestration.progress import ProgressReporter
from tuneloop.orchestration.run_request import RunRequest, build_run_record
from tuneloop.orchestration.stages.dataset import ingest, log_findings, open_and_check
from tuneloop.orchestration.stages.evaluation import evaluate
from tuneloop.orchestration.stages.promotion import promote, stop
from tuneloop.providers.registry import ADOPTED, DEFAULT_CREDENTIALS, Trainer
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.recipe_fields import AdoptedRecipe
from tuneloop.schemas.training import ModelName


@flow(name="adopt-model", flow_run_name="adopt-{model}")
def adopt_model(
    model: ModelName,
    job_id: str,
    trainer: Trainer = "flux-lora",
    trigger_word: str | None = None,
    dataset: str | None = None,
    evaluation: EvaluationConfig = EvaluationConfig(),  # noqa: B008 - frozen
    store: str = "local-file-system/tuneloop",
    credentials: str = DEFAULT_CREDENTIALS,
) -> State[Any]:
    """Take in a fine-tune that was made elsewhere; nothing is trained, and only its images are paid.

    The weights go into the store where the provider hands them out, the plan is rendered, and the model becomes
    the first champion, or is compared with the current one. Run it again after a crash: it goes on.

    Args:
        model: Name of the model here: small letters, digits and hyphens.
        job_id: The provider's id of the fine-tune.
        trainer: What made it; decides which service renders it.
        trigger_word: The word that calls the subject.
        dataset: Folder of the images it was trained on, if you have them. Edit models are judged on them.
        evaluation: What is rendered to evaluate the model.
        store: Where weights and records go: s3-bucket/NAME or local-file-system/NAME.
        credentials: The account that has the fine-tune.
    """
    ctx = open_context(store, credentials)
    ctx.verify_store()
    recipe = ADOPTED[trainer](job_id=job_id, trigger_word=trigger_word)
    _check(ctx, recipe, dataset)
    recipe = recipe.model_copy(update={"job_id": only_id(ctx.provider, recipe)})
    manifest = _ingest(ctx, model, recipe, dataset)
    request = RunRequest(model, manifest.source, recipe, evaluation)
    run = ctx.ledger.save_run(build_run_record(ctx, request, manifest.digest, attempt=1))
    adopt(ctx.ledger, ctx.provider, run, recipe)
    weights = tasks.collect(ctx, run, TrainingLog.of(ctx.ledger, run))
    try:
        decision = evaluate(ctx, run, weights)
        return promote(ctx, run, weights, decision, f"{job_id} was adopted as {weights.name}")
    except (BudgetExceeded, TrainingFailed) as error:
        return stop(ctx, run, error)


def _check(ctx: RunContext, recipe: AdoptedRecipe, dataset: str | None) -> None:
    if recipe.provider != ctx.provider.name:
        raise ConfigurationError(
            f"trainer: such models are at {recipe.provider}, but {ctx.credentials_slug} is an account at "
            f"{ctx.provider.name}; name credentials of {recipe.provider}"
        )
    if recipe.edit_pairs and dataset is None:
        raise ConfigurationError("dataset: this model edits images; name a folder of pairs to judge it on")


def _ingest(ctx: RunContext, model: str, recipe: AdoptedRecipe, dataset: str | None) -> DatasetManifest:
    """Bring what the model was trained on into the store, as far as it is known."""
    if dataset is None:
        unknown = DatasetManifest(items=(), source="not known: the model was adopted")
        store_images(unknown, {}, ctx.store)
        return unknown
    bar = ProgressReporter(f"stored-{model}", "Images into the store", "images")
    with open_and_check(ctx, dataset, recipe, adopted=True) as checked:
        log_findings(checked.found.findings)
        ingest(ctx, checked, model, recipe, bar.show)
        return checked.found.require_manifest()
