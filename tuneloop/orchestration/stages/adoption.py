"""A model that was fine-tuned elsewhere: its dataset and weights into the store, its job into the ledger."""

from __future__ import annotations

from tuneloop.datasets.store import store_images
from tuneloop.errors import ConfigurationError
from tuneloop.ledger import adoption
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration import tasks
from tuneloop.orchestration.context import RunContext
from tuneloop.orchestration.logged_findings import log_findings
from tuneloop.orchestration.progress import ProgressReporter
from tuneloop.orchestration.run_request import RunRequest, build_run_record
from tuneloop.orchestration.stages.dataset import ingest, open_and_check
from tuneloop.providers.registry import ADOPTED
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.recipe_fields import AdoptedRecipe
from tuneloop.schemas.records import Collected, RunRecord


def adopt(
    ctx: RunContext,
    model: str,
    job_id: str,
    trainer: str,
    trigger_word: str | None,
    dataset: str | None,
    evaluation: EvaluationConfig,
) -> tuple[RunRecord, Collected]:
    """Take in a fine-tune of the account. Returns what the run works on, and the collected weights.

    Raises:
        ConfigurationError: There is no such fine-tune, it cannot be rendered yet, or its images are missing.
        DatasetError: The dataset cannot be used.
    """
    ctx.verify_store()
    recipe = ADOPTED[trainer](job_id=job_id, trigger_word=trigger_word)
    _check(ctx, recipe, dataset)
    recipe = recipe.model_copy(update={"job_id": adoption.only_id(ctx.provider, recipe)})
    manifest = _ingest(ctx, model, recipe, dataset)
    request = RunRequest(model, manifest.source, recipe, evaluation)
    run = ctx.ledger.save_run(build_run_record(ctx, request, manifest.digest, attempt=1))
    adoption.adopt(ctx.ledger, ctx.provider, run, recipe)
    return run, tasks.collect(ctx, run, TrainingLog.of(ctx.ledger, run))


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
    bar = ProgressReporter(model, "Images into the store", "images")
    with open_and_check(ctx, dataset, recipe, adopted=True) as checked:
        log_findings(checked.found.findings)
        ingest(ctx, checked, model, recipe, bar.show)
        return checked.found.require_manifest()
