"""What an evaluation asks of its accounts, checked before anything is paid."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.logging import get_run_logger

from tuneloop.errors import AuthenticationFailed, BudgetExceeded, ConfigurationError, ProviderError
from tuneloop.evaluation.render import ModelUnderTest, count_missing
from tuneloop.ledger.budget import Budget
from tuneloop.orchestration.blocks import open_account
from tuneloop.orchestration.context import RunContext
from tuneloop.providers.base import Provider
from tuneloop.providers.registry import recorded_recipe
from tuneloop.registry.promotions import is_same_training
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import Collected, Promotion, RunRecord
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import Submission, job_name


def check_evaluation_costs(
    ctx: RunContext,
    run: RunRecord,
    manifest: DatasetManifest,
    champion: Promotion | None,
    training_cents: int | None = None,
    *,
    read_only: bool = False,
) -> None:
    """Reject a run whose images cannot be rendered or paid; `read_only` sends no request to a provider.

    The training that is paid first costs `training_cents`; None where none is.

    Raises:
        ConfigurationError: The champion's account cannot be used, or a price is not known.
        BudgetExceeded: There are too many images, or they cost too much.
    """
    inputs = edit_inputs(manifest)
    own = (challenger_subject(ctx, run, inputs), run.plan)
    budget = Budget(ctx.ledger, ctx.provider.account, ctx.limits)
    if champion is None or is_same_training(champion, run):
        _check_images(ctx, budget, run, [own], training_cents)
        return
    others = champion_subject(run, champion, inputs)
    if champion.account == ctx.provider.account or not count_missing(ctx.store, *others):
        _check_images(ctx, budget, run, [own, others], training_cents)
        return
    _check_images(ctx, budget, run, [own], training_cents)
    provider, limits = account_of(ctx, champion)
    # The training is not paid by this account: what is left there is for images alone.
    no_training = None if training_cents is None else 0
    _check_images(ctx, Budget(ctx.ledger, champion.account, limits), run, [others], no_training)
    if not read_only:
        _try_key(provider, champion)


def _check_images(
    ctx: RunContext,
    budget: Budget,
    run: RunRecord,
    wanted: Sequence[tuple[ModelUnderTest, EvaluationConfig]],
    training_cents: int | None,
) -> None:
    """Check as if the store had none of the images; only where they do not fit, count what it lacks."""
    try:
        every = [(plan.image_count, plan.service) for _, plan in wanted]
        budget.check_images(run.model, every, training_cents)
    except (ConfigurationError, BudgetExceeded):
        missing = [(count_missing(ctx.store, *each), each[1].service) for each in wanted]
        budget.check_images(run.model, missing, training_cents)


def _try_key(provider: Provider, champion: Promotion) -> None:
    """Try a champion's key, which is free. A model that is gone is evaluated by what is in the store."""
    try:
        provider.get_job(Submission.of(champion))
    except AuthenticationFailed as error:
        raise ConfigurationError(
            f"{_champion_access(champion)}, and the provider rejects its key: {error.reason}"
        ) from None
    except ProviderError as error:
        get_run_logger().info("champion v%d cannot be reached right now: %s", champion.number, error)


def account_of(ctx: RunContext, champion: Promotion) -> tuple[Provider, SpendingLimits]:
    """Open a champion's account: the run's own, whatever its block is called, or the one of its records.

    Raises `ConfigurationError` where there is no block for it any more.
    """
    if champion.account == ctx.provider.account:
        return ctx.provider, ctx.limits
    try:
        provider, limits = open_account(champion.credentials)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{_champion_access(champion)}, and {error}. Create it again with a key of that account, or restore a "
            "champion of an account that exists with `tuneloop rollback`"
        ) from None
    if provider.account != champion.account:
        raise ConfigurationError(
            f"{_champion_access(champion)}, which are for {provider.account.slug} now: put the label and a key of "
            "that account back into them, or restore a champion of another account with `tuneloop rollback`"
        )
    return provider, limits


def _champion_access(champion: Promotion) -> str:
    return (
        f"champion v{champion.number} of {champion.model} is at {champion.account.slug}, and is reached with "
        f"the credentials {champion.credentials}"
    )


def edit_inputs(manifest: DatasetManifest) -> tuple[str, ...]:
    """The images before the edit, which both edit models are given."""
    return tuple(item.sha256 for item in manifest.items if item.role == "start")


def challenger_subject(
    ctx: RunContext, run: RunRecord, inputs: tuple[str, ...], collected: Collected | None = None
) -> ModelUnderTest:
    """The model that a run trains; its id and weights are known once it is trained."""
    name, trigger = job_name(run.key, run.attempt), ctx.recipe(run).trigger
    if collected is None:
        return ModelUnderTest(name, "", trigger, inputs)
    return ModelUnderTest(name, collected.job_id, trigger, inputs, collected.weights, collected.handle)


def champion_subject(
    run: RunRecord, champion: Promotion, inputs: tuple[str, ...]
) -> tuple[ModelUnderTest, EvaluationConfig]:
    """What a champion renders. One of another trainer may need another service, with that one's defaults."""
    recipe = recorded_recipe.validate_python(champion.recipe)
    fits = isinstance(run.plan.settings, recipe.services)
    plan = run.plan if fits else run.plan.model_copy(update={"settings": recipe.services[0]()})
    subject = ModelUnderTest(
        job=job_name(champion.key, champion.attempt),
        job_id=champion.job_id,
        handle=champion.handle,
        trigger_word=champion.trigger_word,
        inputs=inputs if recipe.edit_pairs else (),
        weights=champion.weights,
    )
    return subject, plan
