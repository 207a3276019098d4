"""Retrain one model when its images, its recipe or its plan have changed."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from tuneloop.errors import TuneloopError
from tuneloop.ledger.collection import weights_problem
from tuneloop.orchestration import tasks
from tuneloop.orchestration.context import RunContext, open_context
from tuneloop.orchestration.dry_run import show_plan
from tuneloop.orchestration.run_request import RunRequest, validate_request
from tuneloop.orchestration.stages.evaluation_costs import account_of
from tuneloop.orchestration.stages.preparation import begin
from tuneloop.orchestration.stages.run import run_to_decision
from tuneloop.providers.registry import DEFAULT_CREDENTIALS, Recipe
from tuneloop.registry.promotions import Standing
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import RunRecord, Visibility
from tuneloop.schemas.training import ModelName


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
) -> State[Any]:
    """Retrain a model if its images or its recipe have changed, and promote the result if it passes.

    Images and captions are read from the folder, which is never changed. A training that was paid for once is
    never paid for again: a run on unchanged images, recipe and plan ends as "Cached". While the provider
    trains, the run is suspended and holds nothing; the sensor (watch-trainings) wakes it. Cancel it and nothing
    is lost: the next run carries on.

    Needs: a store block, a credentials block, and a deployment of watch-trainings that names the store.

    Args:
        model: Name of the model: small letters, digits and hyphens.
        dataset: A folder as the worker sees it, a zip file, the https:// address of a zip, s3://bucket/prefix or
            hf://datasets/OWNER/NAME. Captions are .txt files beside the images; Kontext takes pairs, NN_start
            and NN_end.
        recipe: The trainer and its settings.
        evaluation: What is rendered to judge the model.
        store: Where weights and records go: s3-bucket/NAME or local-file-system/NAME.
        credentials: The account that pays: the slug of its credentials block.
        visibility: Make the promoted model public or private at the provider, where there is such a thing.
        force_reason: A reason to train once more although nothing has changed. It is paid again; the same
            words count once.
        dry_run: Only tell what would be submitted, why, and at what price. Nothing is written or sent.
    """
    ctx = open_context(store, credentials, read_only=dry_run)
    request = RunRequest(model, dataset, recipe, evaluation, visibility, force_reason)
    if dry_run:
        return show_plan(ctx, request)
    run = ctx.ledger.run(flow_run.id)
    if run is None:
        validate_request(ctx, request)
        begun = begin(ctx, request, str(flow_run.id))
        run = begun.run
        get_run_logger().info("training key %s, attempt %d.%s", run.key, run.attempt, begun.repeated)
        if begun.standing.decision is not None:
            return _unchanged(ctx, run, begun.standing, begun.repeated)
    return run_to_decision(ctx, run)


def _unchanged(ctx: RunContext, run: RunRecord, standing: Standing, repeated: str) -> State[Any]:
    """End a run that has nothing to do, with a sentence why."""
    decision, champion = standing
    assert decision is not None  # noqa: S101 - asked before
    back = ""
    if champion is not None and (problem := weights_problem(ctx.ledger, champion)) is not None:
        get_run_logger().warning("champion no. %d: %s", champion.number, problem)
        try:
            tasks.restore(ctx, account_of(ctx, champion)[0], champion)
        except TuneloopError as error:
            return Failed(
                message=f"Champion no. {champion.number} of {run.model}: {problem}, and they could not be fetched "
                f"again: {error}. Restore them from a backup or an older object version, or put another champion "
                "back with `tuneloop rollback`."
            )
        back = " Its weights were gone from the store, and were fetched again."
    reigning = f"champion is no. {champion.number}" if champion else "there is no champion"
    if champion is not None and champion.rolled_back_to is not None:
        reigning += f" (rolled back to no. {champion.rolled_back_to} by a person: {champion.reason})"
    return Completed(
        name="Cached",
        message="Nothing to do and nothing paid: these images, captions, recipe and plan were trained "
        f"and judged on {decision.created_at:%Y-%m-%d %H:%M} UTC ({decision.verdict}); "
        f"{reigning}.{back}{repeated}",
    )
