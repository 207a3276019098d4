"""Renders what a plan asks for; an image that is in the store already costs nothing."""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

from PIL import Image, ImageStat, UnidentifiedImageError

from tuneloop.datasets.store import image_name
from tuneloop.errors import (
    AuthenticationFailed,
    InsufficientCredits,
    NotFoundAtProvider,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from tuneloop.evaluation.render_log import MAX_REQUESTS, RenderLog
from tuneloop.http.transport import RequestNotSent
from tuneloop.providers.base import Provider, TrainedModel
from tuneloop.schemas.canonical import digest_of
from tuneloop.schemas.evaluation import EvaluatedImage, Evaluation
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.training import Handle, Submission
from tuneloop.storage.base import Store
from tuneloop.storage.stored_file import StoredFile

_ACCOUNT_PROBLEMS = (AuthenticationFailed, InsufficientCredits, NotFoundAtProvider)
_UNANSWERED_IN_A_ROW = 2
"""After so many a run stops, and a later one goes on: what passes by itself is not asked for again at once."""
_RATE_LIMIT_PAUSES = 10
_MAX_PAUSE_S = 60.0
_BLANK_BELOW = 4.0
"""Standard deviation of the luminance (0 to 255) below which an image counts as blank."""


@dataclass(frozen=True)
class ModelUnderTest:
    """A model to be rendered."""

    job: str
    """Name of its training job."""
    job_id: str
    trigger_word: str | None
    """What {trigger} stands for in prompts."""
    inputs: tuple[str, ...] = ()
    """Sha256 of the stored images that an edit model is given, one after the other."""
    weights: str | None = None
    """Their name in the store."""
    handle: Handle = field(default_factory=dict, hash=False)


def render(
    store: Store,
    provider: Provider,
    model: ModelUnderTest,
    plan: EvaluationConfig,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
    reserve: Callable[[int], bool] | None = None,
) -> Evaluation:
    """Render every image of a plan that is not in the store yet, and inspect all of them.

    Two runs that render the same at the same time share the work: only the last image may be paid by both. An
    image that was asked for three times without an answer, by all runs together, is a finding.

    `on_progress` is called with images done and images in all. `reserve` is called with the number of images that
    have to be paid and are not reserved yet, before the first of them is asked for; it returns whether it has
    reserved something. Raises `ProviderError` for a problem of the account or the service; what is rendered stays.
    """
    work = _Rendering(store, provider, model, plan, reserve)
    lost, missing = list[ProviderUnavailable](), list[_Request]()
    while missing := _next(missing, work.log) or work.remaining():
        if len(lost) >= _UNANSWERED_IN_A_ROW:
            raise lost[-1]
        request, done = missing[0], len(work.requests) - len(missing) + 1
        try:
            work.reserve(missing)
            if not work.render(request):
                missing = []
        except (*_ACCOUNT_PROBLEMS, RateLimited):
            raise
        except ProviderUnavailable as error:
            lost.append(error)
            missing = []
            continue
        except RequestRejected as error:
            work.rejections[request.stem] = f"refused by the provider: {error.reason}"
        lost.clear()
        on_progress(done, len(work.requests))
    return work.evaluation()


def count_missing(store: Store, model: ModelUnderTest, plan: EvaluationConfig) -> int:
    """How many images of a plan the store does not have. Nothing is asked for, and the job's id is not needed."""
    return len({request.stem for request in _requests(plan, model)} - _present(store, model).keys())


def count_unreserved(store: Store, model: ModelUnderTest, plan: EvaluationConfig) -> int:
    """How many images of a plan are still to be paid: the store lacks them, and no money is reserved for them."""
    log = RenderLog(store, model.job)
    log.refresh()
    missing = {request.stem for request in _requests(plan, model)} - _present(store, model).keys()
    return sum(not log.given_up(stem) for stem in log.unreserved(missing))


def load_renders(
    store: Store, model: ModelUnderTest, plan: EvaluationConfig, absent: str | None = None
) -> Evaluation:
    """What the store has of a plan's images; nothing is asked for. `absent` is the finding of those it lacks."""
    present = _present(store, model)
    return Evaluation(
        job=model.job,
        images=tuple(
            request.image(present.get(request.stem), None if request.stem in present else absent)
            for request in _requests(plan, model)
        ),
    )


class _Request(NamedTuple):
    prompt: str
    seed: int
    settings: ServiceSettings
    edited: str | None
    """Sha256 of the stored image to edit, None for models that do not edit."""

    @property
    def stem(self) -> str:
        return image_stem(self.prompt, self.seed, self.settings, self.edited)

    def image(self, name: str | None, finding: str | None) -> EvaluatedImage:
        return EvaluatedImage(prompt=self.prompt, seed=self.seed, name=name, edited=self.edited, finding=finding)


def image_stem(prompt: str, seed: int, settings: ServiceSettings, image: str | None = None) -> str:
    """Name of an image within its model's folder: 32 hex digits. The hardware does not change it."""
    parameters = settings.model_dump(mode="json", exclude={"hardware"})
    document = {"schema": 1, "prompt": prompt, "seed": seed, "settings": parameters}
    return digest_of(document if image is None else {**document, "image": image})[:32]


def _requests(plan: EvaluationConfig, model: ModelUnderTest) -> list[_Request]:
    """Every prompt with every seed; an edit model is given one input after the other."""
    inputs = itertools.cycle(model.inputs or (None,))
    return [
        _Request(prompt, seed, plan.service, next(inputs))
        for prompt in plan.prompts_for(model.trigger_word)
        for seed in plan.seeds
    ]


def _present(store: Store, model: ModelUnderTest) -> dict[str, str]:
    """Names of the model's images within the store, by their stems."""
    return {PurePosixPath(name).stem: name for name in store.names(f"renders/{model.job}/")}


def _next(missing: list[_Request], log: RenderLog) -> list[_Request]:
    """What is left to ask for without listing the store once more, empty where that has to be.

    Each ask takes the next number of its image, once: where others have asked for it since the last listing, that
    is taken. That holds for images that nobody waits for; a second ask takes a new listing.
    """
    rest = missing[1:]
    return [] if rest and log.open(rest[0].stem) else rest


class _Rendering:
    """The images of one model and plan, and what is known of them."""

    def __init__(
        self,
        store: Store,
        provider: Provider,
        model: ModelUnderTest,
        plan: EvaluationConfig,
        reserve: Callable[[int], bool] | None,
    ) -> None:
        self._store, self._provider, self._model, self._reserve = store, provider, model, reserve
        self._present: dict[str, str] = {}
        self.requests = _requests(plan, model)
        self.log = RenderLog(store, model.job)
        self.rejections: dict[str, str] = {}
        """Why the provider rejected an image, by its stem."""

    def remaining(self) -> list[_Request]:
        """What is to be asked for; last what another run may be waiting for right now."""
        # What is there stays there, and what was rejected is not asked for again: that needs no new listing.
        if all(request.stem in self._present or request.stem in self.rejections for request in self.requests):
            return []
        self.log.refresh()
        self._present = _present(self._store, self._model)
        settled = self._present.keys() | self.rejections.keys()
        missing = [
            request
            for request in self.requests
            if request.stem not in settled and not self.log.given_up(request.stem)
        ]
        return sorted(missing, key=lambda request: self.log.open(request.stem))

    def reserve(self, requests: list[_Request]) -> None:
        """Reserve the price of the images that nobody has reserved it for: not again after each crash."""
        stems = self.log.unreserved(request.stem for request in requests)
        if stems and self._reserve is not None and self._reserve(len(stems)):
            self.log.reserved(stems)

    def render(self, request: _Request) -> bool:
        """Ask for one image, and store it. A full queue is waited for.

        Returns:
            False where another run asks for it at this very moment.
        """
        edited = self._store.read(image_name(request.edited)) if request.edited else None
        weights = self._model.weights
        job = Submission(job_id=self._model.job_id, handle=self._model.handle)
        trained = TrainedModel(job, StoredFile(self._store, weights) if weights else None)
        for pause in itertools.count(1):
            self.reserve([request])
            recorded = self.log.record_request(request.stem)
            if recorded is None:
                return False
            try:
                rendered = self._provider.render(trained, request.prompt, request.seed, request.settings, edited)
                break
            except RateLimited as error:
                self.log.rejected(request.stem, recorded)
                if pause > _RATE_LIMIT_PAUSES:
                    raise
                time.sleep(min(error.retry_after_s or 2.0 * pause, _MAX_PAUSE_S))
            except (RequestRejected, RequestNotSent):
                self.log.rejected(request.stem, recorded)
                raise
        name = f"renders/{self._model.job}/{request.stem}{rendered.suffix}"
        self._store.create(name, rendered.data)
        self._present[request.stem] = name
        return True

    def evaluation(self) -> Evaluation:
        """Inspect every image; say of those that are not there why."""
        images, unanswered = [], 0
        for request in self.requests:
            name, reason = self._present.get(request.stem), self.rejections.get(request.stem)
            if name:
                reason = blank_reason(self._store.read(name))
            elif self.log.given_up(request.stem):
                reason = f"requested {MAX_REQUESTS} times, no response"
                unanswered += 1
            images.append(request.image(name, reason))
        return Evaluation(
            job=self._model.job,
            images=tuple(images),
            asked_again=sum(self.log.extra_requests(request.stem) for request in self.requests),
            unanswered=unanswered,
        )


def blank_reason(data: bytes) -> str | None:
    """Say why an encoded image counts as blank, None where it shows something."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            spread = ImageStat.Stat(image.convert("L")).stddev[0]
    except (UnidentifiedImageError, OSError):
        return "not a readable image"
    return "blank: one flat tone" if spread < _BLANK_BELOW else None
