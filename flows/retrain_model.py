"""Retrain one model when its images, its recipe or its plan have changed."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tuneloop.api import (
    DEFAULT_CREDENTIALS,
    BudgetExceeded,
    EvaluationConfig,
    Fallback,
    ModelName,
    Recipe,
    RunRequest,
    TrainingFailed,
    TuneloopError,
    Visibility,
    evaluate,
    fail_over,
    nothing_to_do,
    open_context,
    prepare,
    promote,
    show_in_form,
    show_plan,
    stop,
    train,
)


@flow(name="retrain-model", flow_run_name="{model}")
def retrain_model(  # noqa: PLR0913, PLR0917 - each one is a field of the form
    model: ModelName,
    dataset: str,
    recipe: Recipe,
    evaluation: EvaluationConfig = EvaluationConfig(),  # noqa: B008 - frozen
    store: str = "local-file-system/tuneloop",
    credentials: str = DEFAULT_CREDENTIALS,
    visibility: Visibility = "unchanged",
    force_reason: str | None = None,
    dry_run: bool = False,
    fallback: Fallback | None = None,
) -> State[Any]:
    """Retrain a model if its images or its recipe have changed, and promote the result if it passes.

    The dataset is only read. A training that was paid once is never paid again: a run on unchanged images, recipe
    and plan ends as "Cached". While the provider trains, the run is suspended, and the sensor (watch-trainings)
    resumes it. Cancel it, and its job is cancelled; where that is not possible, the next run continues with it.

    Needs: a store block, a credentials block, and a deployment of watch-trainings that names the store.

    Args:
        model: Name of the model: small letters, digits and hyphens.
        dataset: A folder on the worker, a zip, its https:// address, s3://bucket/prefix or hf://datasets/OWNER/NAME.
        recipe: The trainer and its settings.
        evaluation: What is rendered to evaluate the model.
        store: Where weights and records go: s3-bucket/NAME or local-file-system/NAME.
        credentials: The account that pays: the slug of its credentials block.
        visibility: Make the promoted model public or private at the provider, where there is such a thing.
        force_reason: Why to train once more although nothing has changed: paid again, once for the same words.
        dry_run: Only show what would be submitted, why, and at what price. Nothing is written or sent.
        fallback: A second recipe, for when the first one's trainer is retired, refuses, or is down for too long.
    """
    ctx = open_context(store, credentials, read_only=dry_run)
    request = RunRequest(model, dataset, recipe, evaluation, visibility, force_reason, fallback)
    if dry_run:
        return show_plan(ctx, request)
    run = ctx.load_run()
    if run is None:
        run = prepare(ctx, request)
        if previous := ctx.registry.applied_decision(run):
            return nothing_to_do(ctx, request, run, previous)
    try:
        weights = train(ctx, run)
    except TuneloopError as error:
        return fail_over(ctx, request, run, error)
    try:
        decision = evaluate(ctx, run, weights)
        return promote(ctx, run, weights, decision)
    except (BudgetExceeded, TrainingFailed) as error:
        return stop(ctx, run, error)


# The rest is set in the deployment's file.
show_in_form(retrain_model, "model", "dataset", "dry_run", "force_reason", "recipe")
