"""Take in a model that was fine-tuned elsewhere: weights, evaluation, and a place in the champion history."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tuneloop.api import (
    DEFAULT_CREDENTIALS,
    BudgetExceeded,
    EvaluationConfig,
    ModelName,
    Trainer,
    TrainingFailed,
    adopt,
    evaluate,
    open_context,
    promote,
    show_in_form,
    stop,
)


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
    run, weights = adopt(ctx, model, job_id, trainer, trigger_word, dataset, evaluation)
    try:
        decision = evaluate(ctx, run, weights)
        return promote(ctx, run, weights, decision, f"{job_id} was adopted as {weights.name}")
    except (BudgetExceeded, TrainingFailed) as error:
        return stop(ctx, run, error)


show_in_form(
    adopt_model, "model", "job_id", "trainer", "trigger_word", "dataset", "evaluation", "store", "credentials"
)
