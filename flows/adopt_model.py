"""Take in a model that was fine-tuned elsewhere: weights, evaluation, and a place in the line of champions."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import deployment, flow_run
from prefect.states import Completed, Failed

from tuneloop.clock import now
from tuneloop.datasets.scan import ScannedDataset
from tuneloop.datasets.store import store_pictures
from tuneloop.errors import ConfigurationError, OverBudget, TrainingFailed
from tuneloop.ledger.adoption import adopt, only_id
from tuneloop.ledger.training import read_training
from tuneloop.orchestration import tasks
from tuneloop.orchestration.context import Desk, open_desk
from tuneloop.orchestration.progress import Bar
from tuneloop.orchestration.stages.dataset import brought_in, log_findings, looked_at
from tuneloop.orchestration.stages.evaluation import decide
from tuneloop.schemas.adopted_recipes import ADOPTED, Adopted, Trainer
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.plan import EvaluationPlan
from tuneloop.schemas.records import RunFile
from tuneloop.schemas.training import ModelName, TrainingIdentity


@flow(name="adopt-model", flow_run_name="adopt-{model}")
def adopt_model(
    model: ModelName,
    job_id: str,
    trainer: Trainer = "flux-lora",
    trigger_word: str | None = None,
    dataset: str | None = None,
    evaluation: EvaluationPlan = EvaluationPlan(),  # noqa: B008 - frozen
    store: str = "local-file-system/tuneloop",
    credentials: str = "segmind-credentials/default",
) -> State[Any]:
    """Take in a fine-tune that was made elsewhere; nothing is trained, and only its pictures are paid.

    The weights go into the store where the provider hands them out, the plan is rendered, and the model becomes
    the first champion, or is judged against the champion there is. Run it again after a crash: it carries on.

    Args:
        model: Name of the model here: small letters, digits and hyphens.
        job_id: The provider's id of the fine-tune.
        trainer: What made it; decides which service renders it.
        trigger_word: The word that calls the subject.
        dataset: Folder of the pictures it was trained on, if you have them. Edit models are judged on them.
        evaluation: What is rendered to judge the model.
        store: Where weights and records go: s3-bucket/NAME or local-file-system/NAME.
        credentials: The account that has the fine-tune.
    """
    desk = open_desk(store, credentials)
    desk.try_store()
    recipe = ADOPTED[trainer](job_id=job_id, trigger_word=trigger_word)
    _check(desk, recipe, dataset)
    recipe = recipe.model_copy(update={"job_id": only_id(desk.provider, job_id)})
    manifest = _dataset(desk, model, recipe, dataset)
    run = _run_file(desk, model, recipe, manifest, evaluation)
    adopt(desk.ledger, desk.provider, run, recipe.job_id)
    collected = tasks.collect(desk, run, read_training(desk.ledger, run.key, run.generation))
    try:
        decision = decide(desk, run, collected)
    except (OverBudget, TrainingFailed) as error:
        desk.ledger.unmark(run)  # nobody goes on with this by itself
        return Failed(message=str(error))
    desk.ledger.unmark(run)
    adopted = f"{job_id} was adopted as {collected.name}"
    if decision.verdict == "undecided":
        asks = f"A person decides: `tuneloop decide {model}`."
        return Completed(name="Undecided", message=f"{adopted}: undecided. {decision.why} {asks}")
    outcome = "promoted" if decision.verdict == "promote" else "not promoted"
    return Completed(message=f"{adopted}: {outcome}. {decision.why}")


def _check(desk: Desk, recipe: Adopted, dataset: str | None) -> None:
    if recipe.provider != desk.provider.name:
        raise ConfigurationError(
            f"trainer: such models are at {recipe.provider}, but {desk.credentials_slug} is an account at "
            f"{desk.provider.name}; name credentials of {recipe.provider}"
        )
    if recipe.edit_pairs and dataset is None:
        raise ConfigurationError("dataset: this model edits pictures; name a folder of pairs to judge it on")


def _dataset(desk: Desk, model: str, recipe: Adopted, dataset: str | None) -> DatasetManifest:
    """What the model was trained on, as far as it is known."""
    if dataset is None:
        unknown = DatasetManifest(items=(), source="not known: the model was adopted")
        store_pictures(ScannedDataset(manifest=unknown, files={}), desk.store)
        return unknown
    bar = Bar(f"stored-{model}", "Pictures into the store", "pictures")
    with looked_at(desk, dataset, recipe, adopted=True) as looked:
        log_findings(looked.found.findings)
        brought_in(desk, looked, model, recipe, bar.show)
        return looked.dataset.manifest


def _run_file(
    desk: Desk, model: str, recipe: Adopted, manifest: DatasetManifest, evaluation: EvaluationPlan
) -> RunFile:
    account = desk.provider.account
    identity = TrainingIdentity(dataset_digest=manifest.digest, recipe=recipe.canonical(), account=account)
    run = RunFile(
        at=now(),
        flow_run=str(flow_run.id),
        model=model,
        key=identity.key,
        generation=1,
        dataset_digest=manifest.digest,
        recipe=recipe.model_dump(mode="json"),
        plan=evaluation.rendered_by(recipe.services[0]()),
        account=account,
        credentials=desk.credentials_slug,
        store=desk.store_slug,
        deployment=deployment.name,
    )
    return desk.ledger.remember_run(run)
