"""Take in a model that was fine-tuned elsewhere: weights, evaluation, and a place in the line of champions."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import deployment, flow_run
from prefect.states import Completed, Failed

from tuneloop.clock import now
from tuneloop.datasets.scan import ScannedDataset
from tuneloop.datasets.store import store_images
from tuneloop.errors import BudgetExceeded, ConfigurationError, TrainingFailed
from tuneloop.ledger.adoption import adopt, only_id
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration import tasks
from tuneloop.orchestration.context import RunContext, open_context
from tuneloop.orchestration.progress import ProgressReporter
from tuneloop.orchestration.run_labels import LABEL_OF, label_run
from tuneloop.orchestration.stages.dataset import ingest, log_findings, open_and_check
from tuneloop.orchestration.stages.evaluation import decide
from tuneloop.providers.registry import ADOPTED, DEFAULT_CREDENTIALS, Trainer
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.recipe_fields import AdoptedRecipe
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.training import ModelName, TrainingIdentity


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
    the first champion, or is judged against the champion there is. Run it again after a crash: it carries on.

    Args:
        model: Name of the model here: small letters, digits and hyphens.
        job_id: The provider's id of the fine-tune.
        trainer: What made it; decides which service renders it.
        trigger_word: The word that calls the subject.
        dataset: Folder of the images it was trained on, if you have them. Edit models are judged on them.
        evaluation: What is rendered to judge the model.
        store: Where weights and records go: s3-bucket/NAME or local-file-system/NAME.
        credentials: The account that has the fine-tune.
    """
    ctx = open_context(store, credentials)
    ctx.try_store()
    recipe = ADOPTED[trainer](job_id=job_id, trigger_word=trigger_word)
    _check(ctx, recipe, dataset)
    recipe = recipe.model_copy(update={"job_id": only_id(ctx.provider, job_id)})
    manifest = _dataset(ctx, model, recipe, dataset)
    run = _run_file(ctx, model, recipe, manifest, evaluation)
    adopt(ctx.ledger, ctx.provider, run, recipe.job_id)
    collected = tasks.collect(ctx, run, TrainingLog.of(ctx.ledger, run))
    try:
        decision = decide(ctx, run, collected)
    except (BudgetExceeded, TrainingFailed) as error:
        ctx.ledger.unmark(run)  # nobody goes on with this by itself
        return Failed(message=str(error))
    ctx.ledger.unmark(run)
    label_run(model, LABEL_OF[decision.verdict])
    adopted = f"{job_id} was adopted as {collected.name}"
    if decision.verdict == "undecided":
        asks = f"A person decides: `tuneloop review {model}`."
        return Completed(message=f"{adopted}: undecided. {decision.reason} {asks}")
    outcome = "promoted" if decision.verdict == "promote" else "not promoted"
    return Completed(message=f"{adopted}: {outcome}. {decision.reason}")


def _check(ctx: RunContext, recipe: AdoptedRecipe, dataset: str | None) -> None:
    if recipe.provider != ctx.provider.name:
        raise ConfigurationError(
            f"trainer: such models are at {recipe.provider}, but {ctx.credentials_slug} is an account at "
            f"{ctx.provider.name}; name credentials of {recipe.provider}"
        )
    if recipe.edit_pairs and dataset is None:
        raise ConfigurationError("dataset: this model edits images; name a folder of pairs to judge it on")


def _dataset(ctx: RunContext, model: str, recipe: AdoptedRecipe, dataset: str | None) -> DatasetManifest:
    """What the model was trained on, as far as it is known."""
    if dataset is None:
        unknown = DatasetManifest(items=(), source="not known: the model was adopted")
        store_images(ScannedDataset(manifest=unknown, files={}), ctx.store)
        return unknown
    bar = ProgressReporter(f"stored-{model}", "Images into the store", "images")
    with open_and_check(ctx, dataset, recipe, adopted=True) as looked:
        log_findings(looked.found.findings)
        ingest(ctx, looked, model, recipe, bar.show)
        return looked.dataset.manifest


def _run_file(
    ctx: RunContext, model: str, recipe: AdoptedRecipe, manifest: DatasetManifest, evaluation: EvaluationConfig
) -> RunRecord:
    account = ctx.provider.account
    identity = TrainingIdentity(dataset_digest=manifest.digest, recipe=recipe.canonical(), account=account)
    run = RunRecord(
        created_at=now(),
        flow_run=str(flow_run.id),
        model=model,
        key=identity.key,
        attempt=1,
        dataset_digest=manifest.digest,
        recipe=recipe.model_dump(mode="json"),
        plan=evaluation.rendered_by(recipe.services[0]()),
        account=account,
        credentials=ctx.credentials_slug,
        store=ctx.store_slug,
        deployment=deployment.name,
    )
    return ctx.ledger.save_run(run)
