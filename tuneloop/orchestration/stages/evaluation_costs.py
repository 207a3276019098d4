"""What judging a model asks of its accounts, and a look at all of it before anything is paid."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.logging import get_run_logger

from tuneloop.errors import ConfigurationError, CredentialsRefused, OverBudget, ProviderError
from tuneloop.evaluation.render import Subject, count_missing
from tuneloop.ledger.image_budget import ImageBudget
from tuneloop.orchestration.blocks import open_account
from tuneloop.orchestration.context import Desk, recipe_of
from tuneloop.providers.base import Provider
from tuneloop.registry.promotions import is_of
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.plan import EvaluationPlan
from tuneloop.schemas.records import Promotion, RunFile
from tuneloop.schemas.spending import Limits
from tuneloop.schemas.training import job_name


def check_judging(
    desk: Desk,
    run: RunFile,
    manifest: DatasetManifest,
    champion: Promotion | None,
    training_cents: int | None = None,
    *,
    only_look: bool = False,
) -> None:
    """Refuse a run whose images cannot be rendered or paid, before any of it is paid.

    Args:
        desk: Opened blocks.
        run: What the flow run works on.
        manifest: Its dataset.
        champion: The model's champion, None where it has none.
        training_cents: Price of the training that is paid first; None where none is.
        only_look: Ask no provider.

    Raises:
        ConfigurationError: The champion's account cannot be used, or a price is not known.
        OverBudget: There are too many images, or they cost too much.
    """
    inputs = edited_by(manifest)
    own = (challenger_subject(desk, run, inputs), run.plan)
    budget = ImageBudget(desk.ledger, desk.provider.account, desk.limits)
    if champion is None or is_of(champion, run):
        _check_images(desk, budget, run, [own], training_cents)
        return
    others = champion_turn(run, champion, inputs)
    if champion.account == desk.provider.account or not count_missing(desk.store, *others):
        _check_images(desk, budget, run, [own, others], training_cents)
        return
    _check_images(desk, budget, run, [own], training_cents)
    provider, limits = account_of(desk, champion)
    # The training is not paid by this account: what is left there is for images alone.
    no_training = None if training_cents is None else 0
    _check_images(desk, ImageBudget(desk.ledger, champion.account, limits), run, [others], no_training)
    if not only_look:
        _try_key(provider, champion)


def _check_images(
    desk: Desk,
    budget: ImageBudget,
    run: RunFile,
    wanted: Sequence[tuple[Subject, EvaluationPlan]],
    training_cents: int | None,
) -> None:
    """Check as if the store had none of the images; only where they do not fit, count what it lacks."""
    try:
        every = [(plan.picture_count, plan.service) for _, plan in wanted]
        budget.check_images(run.model, every, training_cents)
    except (ConfigurationError, OverBudget):
        missing = [(count_missing(desk.store, *each), each[1].service) for each in wanted]
        budget.check_images(run.model, missing, training_cents)


def _try_key(provider: Provider, champion: Promotion) -> None:
    """Try a champion's key where that costs nothing. A model that is gone is judged by what is in the store."""
    try:
        provider.status(champion.job_id)
    except CredentialsRefused as error:
        raise ConfigurationError(
            f"{_reached(champion)}, and the provider refuses its key: {error.reason}"
        ) from None
    except ProviderError as error:
        get_run_logger().info("champion no. %d cannot be looked at just now: %s", champion.number, error)


def account_of(desk: Desk, champion: Promotion) -> tuple[Provider, Limits]:
    """Open a champion's account: the run's own, whatever its block is called, or the one of its records.

    Raises:
        ConfigurationError: There is no block for it any more.
    """
    if champion.account == desk.provider.account:
        return desk.provider, desk.limits
    try:
        provider, limits = open_account(champion.credentials)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{_reached(champion)}, and {error}. Make it again with a key of that account, or put a champion "
            "of an account that is there back with `tuneloop rollback`"
        ) from None
    if provider.account != champion.account:
        raise ConfigurationError(
            f"{_reached(champion)}, which are of {provider.account.slug} now: give them the label and a key of "
            "that account again, or put a champion of another account back with `tuneloop rollback`"
        )
    return provider, limits


def _reached(champion: Promotion) -> str:
    return (
        f"champion no. {champion.number} of {champion.model} is at {champion.account.slug}, and is reached with "
        f"the credentials {champion.credentials}"
    )


def edited_by(manifest: DatasetManifest) -> tuple[str, ...]:
    """The pictures before the edit, on which edit models are judged; both models are given the same ones."""
    return tuple(item.sha256 for item in manifest.items if item.role == "start")


def challenger_subject(desk: Desk, run: RunFile, inputs: tuple[str, ...], job_id: str = "") -> Subject:
    """The model that a run trains. Its id is known once it is trained."""
    return Subject(job_name(run.key, run.generation), job_id, desk.trigger_word(run), inputs)


def champion_turn(run: RunFile, champion: Promotion, inputs: tuple[str, ...]) -> tuple[Subject, EvaluationPlan]:
    """What a champion renders. One of another trainer may need another service, with that one's defaults."""
    recipe = recipe_of(champion.recipe)
    fits = isinstance(run.plan.settings, recipe.services)
    plan = run.plan if fits else run.plan.model_copy(update={"settings": recipe.services[0]()})
    subject = Subject(
        job=job_name(champion.key, champion.generation),
        job_id=champion.job_id,
        trigger_word=champion.trigger_word,
        inputs=inputs if recipe.edit_pairs else (),
    )
    return subject, plan
