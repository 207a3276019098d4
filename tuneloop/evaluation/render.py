"""Renders what a plan asks for; an image that is in the store already costs nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from tuneloop.datasets.store import image_name
from tuneloop.errors import (
    AuthenticationFailed,
    InsufficientCredits,
    NotFoundAtProvider,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from tuneloop.evaluation.blank import blank_reason
from tuneloop.evaluation.render_log import MOST_ASKS, RenderLog
from tuneloop.http.transport import RequestNotSent
from tuneloop.providers.base import Provider
from tuneloop.schemas.canonical import digest_of
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.training import RenderedImage
from tuneloop.storage.base import Store

_ACCOUNT_PROBLEMS = (AuthenticationFailed, InsufficientCredits, NotFoundAtProvider)
_UNANSWERED_IN_A_ROW = 2
"""After so many a run stops, and a later one goes on: what passes by itself is not asked for again at once."""
_RATE_LIMIT_PAUSES = 10
_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True)
class ModelUnderTest:
    """A model to be rendered.

    Attributes:
        job: Name of its training job.
        job_id: The provider's id of it.
        trigger_word: What {trigger} stands for in prompts, None where the trainer knows none.
        inputs: Sha256 of the stored images that an edit model is given, one after the other; empty for others.
    """

    job: str
    job_id: str
    trigger_word: str | None
    inputs: tuple[str, ...] = ()


def render(
    store: Store,
    provider: Provider,
    subject: ModelUnderTest,
    plan: EvaluationConfig,
    on_progress: Callable[[int, int], None] | None = None,
    reserve: Callable[[int], bool] | None = None,
) -> Evaluation:
    """Render every image of a plan that is not in the store yet, and look at all of them.

    Two runs that render the same at the same time share the work: only the last image may be paid by both. An
    image that was asked for three times without an answer, by all runs together, is a finding.

    Args:
        store: Where images live, one per model, prompt, seed and settings.
        provider: The account that has the model.
        subject: The model.
        plan: Prompts, seeds and settings.
        on_progress: Called with images done and images in all.
        reserve: Called with the number of images that have to be paid and are not reserved yet, before the first
            of them is asked for; tells whether it has reserved something.

    Raises:
        ProviderError: The account or the service has a problem; what is rendered stays.
    """
    work = _Work(store, subject, tuple(_wishes(plan, subject)), RenderLog(store, subject.job))
    asked, wishes = work.asked, work.wishes
    lost, missing = list[ProviderUnavailable](), list[_Wish]()
    while missing := _next(missing, asked) or work.left():
        if len(lost) >= _UNANSWERED_IN_A_ROW:
            raise lost[-1]
        wish, done = missing[0], len(wishes) - len(missing) + 1
        try:
            _afford(asked, missing, reserve)
            answered = _ask(work, provider, wish, reserve)
        except (*_ACCOUNT_PROBLEMS, RateLimited):
            raise
        except ProviderUnavailable as error:
            lost.append(error)
            missing = []
            continue
        except RequestRejected as error:
            work.refusals[wish.stem] = f"refused by the provider: {error.reason}"
        else:
            missing = missing if answered else []  # else others are at work
        lost.clear()
        if on_progress is not None:
            on_progress(done, len(wishes))
    return work.evaluation(plan)


def count_missing(store: Store, subject: ModelUnderTest, plan: EvaluationConfig) -> int:
    """How many images of a plan the store does not have. Nothing is asked for, and the job's id is not needed."""
    return len({wish.stem for wish in _wishes(plan, subject)} - _present(store, subject).keys())


def load_renders(
    store: Store, subject: ModelUnderTest, plan: EvaluationConfig, absent: str | None = None
) -> Evaluation:
    """What the store has of a plan's images; nothing is asked for.

    Args:
        store: Where images live.
        subject: The model.
        plan: Prompts, seeds and settings.
        absent: What is to be found of images that are not there.
    """
    return Evaluation(job=subject.job, images=_images(subject, plan, _present(store, subject), absent))


def _images(
    subject: ModelUnderTest, plan: EvaluationConfig, present: dict[str, str], absent: str | None = None
) -> tuple[EvaluatedImage, ...]:
    return tuple(
        EvaluatedImage(
            prompt=wish.prompt,
            seed=wish.seed,
            name=present.get(wish.stem),
            edited=wish.image,
            finding=None if wish.stem in present else absent,
        )
        for wish in _wishes(plan, subject)
    )


@dataclass(frozen=True)
class _Wish:
    """One image that a plan asks for.

    Attributes:
        prompt: As it is sent.
        seed: As it is sent.
        settings: Which service, and how.
        image: Sha256 of the stored image to edit, None for models that do not edit.
    """

    prompt: str
    seed: int
    settings: ServiceSettings
    image: str | None

    @property
    def stem(self) -> str:
        return image_stem(self.prompt, self.seed, self.settings, self.image)


@dataclass
class _Work:
    """The images of one model and plan, and what is known of them.

    Attributes:
        refusals: Why the provider refused an image, by its stem.
        present: Names of the images within the store, by their stems, as of the last look.
    """

    store: Store
    subject: ModelUnderTest
    wishes: tuple[_Wish, ...]
    asked: RenderLog
    refusals: dict[str, str] = field(default_factory=dict)
    present: dict[str, str] = field(default_factory=dict)

    def left(self) -> list[_Wish]:
        """What is to be asked for; last what another run may be waiting for just now."""
        # What is there stays there, and what was refused is not asked for again: that needs no other look.
        if all(wish.stem in self.present or wish.stem in self.refusals for wish in self.wishes):
            return []
        self.asked.look()
        self.present = _present(self.store, self.subject)
        settled = self.present.keys() | self.refusals.keys()
        missing = [wish for wish in self.wishes if wish.stem not in settled and not self.asked.given_up(wish.stem)]
        return sorted(missing, key=lambda wish: self.asked.open(wish.stem))

    def keep(self, wish: _Wish, rendered: RenderedImage) -> None:
        """Put an answer into the store."""
        name = f"{_folder(self.subject)}{wish.stem}{rendered.suffix}"
        self.store.create(name, rendered.data)
        self.present[wish.stem] = name

    def evaluation(self, plan: EvaluationConfig) -> Evaluation:
        """ScoringImage at every image; say of those that are not there why."""
        images, unanswered = [], 0
        for rendered, wish in zip(_images(self.subject, plan, self.present), self.wishes, strict=True):
            given_up = rendered.name is None and self.asked.given_up(wish.stem)
            unanswered += given_up
            why = f"asked {MOST_ASKS} times, no answer" if given_up else self.refusals.get(wish.stem)
            images.append(_looked_at(self.store, rendered, why))
        return Evaluation(
            job=self.subject.job,
            images=tuple(images),
            asked_again=sum(self.asked.unclear(wish.stem) for wish in self.wishes),
            unanswered=unanswered,
        )


def image_stem(prompt: str, seed: int, settings: ServiceSettings, image: str | None = None) -> str:
    """Name of an image within its model's folder: 32 hex digits. The hardware does not change it."""
    parameters = settings.model_dump(mode="json", exclude={"hardware"})
    document = {"schema": 1, "prompt": prompt, "seed": seed, "settings": parameters}
    return digest_of(document if image is None else {**document, "image": image})[:32]


def _wishes(plan: EvaluationConfig, subject: ModelUnderTest) -> Iterator[_Wish]:
    """Every prompt with every seed; an edit model is given one input after the other."""
    number = 0
    for prompt in plan.prompts_for(subject.trigger_word):
        for seed in plan.seeds:
            image = subject.inputs[number % len(subject.inputs)] if subject.inputs else None
            number += 1
            yield _Wish(prompt, seed, plan.service, image)


def _folder(subject: ModelUnderTest) -> str:
    return f"renders/{subject.job}/"


def _present(store: Store, subject: ModelUnderTest) -> dict[str, str]:
    """Names of the model's images within the store, by their stems."""
    return {PurePosixPath(name).stem: name for name in store.names(_folder(subject))}


def _looked_at(store: Store, rendered: EvaluatedImage, refusal: str | None) -> EvaluatedImage:
    finding = refusal if rendered.name is None else blank_reason(store.read(rendered.name))
    return rendered.model_copy(update={"finding": finding})


def _next(missing: list[_Wish], asked: RenderLog) -> list[_Wish]:
    """What is left to ask for without another look at the store, empty where that has to be.

    Whoever asks takes the next number of an ask, once: where others have asked for the same image since the last
    look, it is taken. That holds for images that nobody waits for; for a second ask it takes a look.
    """
    rest = missing[1:]
    return [] if rest and asked.open(rest[0].stem) else rest


def _afford(asked: RenderLog, wishes: list[_Wish], reserve: Callable[[int], bool] | None) -> None:
    """Reserve the price of the images that nobody has reserved it for: not again after each crash."""
    stems = asked.unreserved(wish.stem for wish in wishes)
    if stems and reserve is not None and reserve(len(stems)):
        asked.reserved(stems)


def _ask(
    work: _Work,
    provider: Provider,
    wish: _Wish,
    reserve: Callable[[int], bool] | None,
) -> bool:
    """Ask for one image, and keep it. A full queue is waited for.

    Returns:
        False where another run asks for it at this very moment.
    """
    asked, job_id = work.asked, work.subject.job_id
    image = work.store.read(image_name(wish.image)) if wish.image else None
    pauses = 0
    while True:
        _afford(asked, [wish], reserve)
        ask = asked.ask(wish.stem)
        if ask is None:
            return False
        try:
            rendered = provider.generate(job_id, wish.prompt, wish.seed, wish.settings, image)
        except RateLimited as error:
            asked.refused(wish.stem, ask)
            pauses += 1
            if pauses > _RATE_LIMIT_PAUSES:
                raise
            time.sleep(min(error.retry_after_s or 2.0 * pauses, _LONGEST_PAUSE_S))
        except (RequestRejected, RequestNotSent):
            asked.refused(wish.stem, ask)
            raise
        else:
            work.keep(wish, rendered)
            return True
