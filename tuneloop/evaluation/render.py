"""Renders what a plan asks for; a picture that is in the store already costs nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from tuneloop.dataset.keep import picture_name
from tuneloop.errors import (
    CredentialsRefused,
    NotAtProvider,
    OutOfCredits,
    ProviderUnavailable,
    RateLimited,
    RequestRefused,
)
from tuneloop.evaluation.asked import Asked
from tuneloop.evaluation.blank import blank_reason
from tuneloop.providers.provider import Provider
from tuneloop.storage.store import Store
from tuneloop.values.canonical import digest_of
from tuneloop.values.evaluation import Evaluation, JudgedPicture
from tuneloop.values.plan import EvaluationPlan
from tuneloop.values.render_settings import ServiceSettings
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
        trigger_word: What {trigger} stands for in prompts, None where the trainer knows none.
        inputs: Sha256 of the stored pictures that an edit model is given, one after the other; empty for others.
    """

    job: str
    job_id: str
    trigger_word: str | None
    inputs: tuple[str, ...] = ()


def render(
    store: Store,
    provider: Provider,
    subject: Subject,
    plan: EvaluationPlan,
    on_progress: Callable[[int, int], None] | None = None,
    reserve: Callable[[int], None] | None = None,
) -> Evaluation:
    """Render every picture of a plan that is not in the store yet, and look at all of them.

    Args:
        store: Where pictures live, one per model, prompt, seed and settings.
        provider: The account that has the model.
        subject: The model.
        plan: Prompts, seeds and settings.
        on_progress: Called with pictures done and pictures in all.
        reserve: Called with the number of pictures that have to be paid, before the first is asked for.

    Raises:
        ProviderError: The account or the service has a problem; what is rendered stays.
    """
    folder = f"renders/{subject.job}/"
    present = {PurePosixPath(name).stem: name for name in store.names(folder)}
    asked = Asked(store, subject.job)
    wishes = list(_wishes(plan, subject))
    missing = sum(wish.stem not in present for wish in wishes)
    if missing and reserve is not None:
        reserve(missing)
    judged: list[JudgedPicture] = []
    for wish in wishes:
        name, finding = present.get(wish.stem), None
        if name is None:
            try:
                picture = _ask(store, provider, subject, wish, asked)
            except _ACCOUNT_PROBLEMS:
                raise
            except RequestRefused as error:
                finding = f"refused by the provider: {error.reason}"
            else:
                name = f"{folder}{wish.stem}{picture.suffix}"
                store.create(name, picture.data)
        if name is not None:
            finding = blank_reason(store.read(name))
        judged.append(
            JudgedPicture(prompt=wish.prompt, seed=wish.seed, name=name, finding=finding, edited=wish.image)
        )
        if on_progress is not None:
            on_progress(len(judged), plan.picture_count)
    asked_again = sum(asked.unclear(wish.stem) for wish in wishes)
    return Evaluation(job=subject.job, pictures=tuple(judged), asked_again=asked_again)


def rendered_before(store: Store, subject: Subject, plan: EvaluationPlan) -> Evaluation:
    """What the store has of a plan's pictures; nothing is asked for."""
    present = {PurePosixPath(name).stem: name for name in store.names(f"renders/{subject.job}/")}
    pictures = tuple(
        JudgedPicture(prompt=wish.prompt, seed=wish.seed, name=present.get(wish.stem), edited=wish.image)
        for wish in _wishes(plan, subject)
    )
    return Evaluation(job=subject.job, pictures=pictures)


@dataclass(frozen=True)
class _Wish:
    """One picture that a plan asks for.

    Attributes:
        prompt: As it is sent.
        seed: As it is sent.
        settings: Which service, and how.
        image: Sha256 of the stored picture to edit, None for models that do not edit.
    """

    prompt: str
    seed: int
    settings: ServiceSettings
    image: str | None

    @property
    def stem(self) -> str:
        return picture_stem(self.prompt, self.seed, self.settings, self.image)


def picture_stem(prompt: str, seed: int, settings: ServiceSettings, image: str | None = None) -> str:
    """Name of a picture within its model's folder: 32 hex digits. The hardware does not change it."""
    parameters = settings.model_dump(mode="json", exclude={"hardware"})
    document = {"schema": 1, "prompt": prompt, "seed": seed, "settings": parameters}
    return digest_of(document if image is None else {**document, "image": image})[:32]


def _wishes(plan: EvaluationPlan, subject: Subject) -> Iterator[_Wish]:
    """Every prompt with every seed; an edit model is given one input after the other."""
    number = 0
    for prompt in plan.prompts_for(subject.trigger_word):
        for seed in plan.seeds:
            image = subject.inputs[number % len(subject.inputs)] if subject.inputs else None
            number += 1
            yield _Wish(prompt, seed, plan.service, image)


def _ask(store: Store, provider: Provider, subject: Subject, wish: _Wish, asked: Asked) -> RenderedPicture:
    """Ask for one picture. A lost answer is asked for once more, a full queue is waited for."""
    image = store.read(picture_name(wish.image)) if wish.image else None
    pauses = lost = 0
    while True:
        ask = asked.ask(wish.stem)
        try:
            return provider.generate(subject.job_id, wish.prompt, wish.seed, wish.settings, image)
        except RateLimited as error:
            asked.refused(wish.stem, ask)
            pauses += 1
            if pauses > _RATE_LIMIT_PAUSES:
                raise
            time.sleep(min(error.retry_after_s or 2.0 * pauses, _LONGEST_PAUSE_S))
        except RequestRefused:
            asked.refused(wish.stem, ask)
            raise
        except ProviderUnavailable:
            if lost:
                raise
            lost += 1
