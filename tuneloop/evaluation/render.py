"""Renders what a plan asks for; a picture that is in the store already costs nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from tuneloop.errors import (
    CredentialsRefused,
    NotAtProvider,
    OutOfCredits,
    ProviderUnavailable,
    RateLimited,
    RequestRefused,
)
from tuneloop.evaluation.blank import blank_reason
from tuneloop.providers.provider import Provider
from tuneloop.storage.store import Store
from tuneloop.values.canonical import digest_of
from tuneloop.values.evaluation import Evaluation, JudgedPicture
from tuneloop.values.plan import EvaluationPlan, RenderSettings
from tuneloop.values.training import RenderedPicture

_ACCOUNT_PROBLEMS = (CredentialsRefused, OutOfCredits, NotAtProvider)
_RATE_LIMIT_PAUSES = 10
_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True)
class Subject:
    """A model to be rendered.

    Attributes:
        job: Name of its training job.
        job_id: The provider's id of it.
        trigger_word: What {trigger} stands for in prompts.
    """

    job: str
    job_id: str
    trigger_word: str


def render(
    store: Store,
    provider: Provider,
    subject: Subject,
    plan: EvaluationPlan,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Render every picture of a plan that is not in the store yet, and look at all of them.

    Args:
        store: Where pictures live, one per model, prompt, seed and settings.
        provider: The account that has the model.
        subject: The model.
        plan: Prompts, seeds and settings.
        on_progress: Called with pictures done and pictures in all.

    Raises:
        ProviderError: The account or the service has a problem; what is rendered stays.
    """
    folder = f"renders/{subject.job}/"
    present = {PurePosixPath(name).stem: name for name in store.names(folder)}
    judged: list[JudgedPicture] = []
    asked_again = 0
    for prompt, seed in _wanted(plan, subject.trigger_word):
        stem = picture_stem(prompt, seed, plan.settings)
        name, finding = present.get(stem), None
        if name is None:
            try:
                picture, tries = _ask(provider, subject, prompt, seed, plan.settings)
            except _ACCOUNT_PROBLEMS:
                raise
            except RequestRefused as error:
                finding = f"refused by the provider: {error.reason}"
            else:
                asked_again += tries - 1
                name = f"{folder}{stem}{picture.suffix}"
                store.create(name, picture.data)
        if name is not None:
            finding = blank_reason(store.read(name))
        judged.append(JudgedPicture(prompt=prompt, seed=seed, name=name, finding=finding))
        if on_progress is not None:
            on_progress(len(judged), plan.picture_count)
    return Evaluation(job=subject.job, pictures=tuple(judged), asked_again=asked_again)


def picture_stem(prompt: str, seed: int, settings: RenderSettings) -> str:
    """Name of a picture within its model's folder: 32 hex digits. The hardware does not change it."""
    parameters = settings.model_dump(mode="json", exclude={"hardware"})
    return digest_of({"schema": 1, "prompt": prompt, "seed": seed, "settings": parameters})[:32]


def _wanted(plan: EvaluationPlan, trigger_word: str) -> Iterator[tuple[str, int]]:
    for prompt in plan.prompts_for(trigger_word):
        for seed in plan.seeds:
            yield prompt, seed


def _ask(
    provider: Provider, subject: Subject, prompt: str, seed: int, settings: RenderSettings
) -> tuple[RenderedPicture, int]:
    """Ask for one picture. A lost answer is asked for once more, a full queue is waited for.

    Returns:
        The picture, and how often it was asked for without a refusal.
    """
    pauses = 0
    tries = 1
    while True:
        try:
            return provider.generate(subject.job_id, prompt, seed, settings), tries
        except RateLimited as error:
            pauses += 1
            if pauses > _RATE_LIMIT_PAUSES:
                raise
            time.sleep(min(error.retry_after_s or 2.0 * pauses, _LONGEST_PAUSE_S))
        except ProviderUnavailable:
            if tries > 1:
                raise
            tries += 1
