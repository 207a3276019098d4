"""A plan to be rendered, and what was asked for and billed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from tuneloop.emulator import EmulatorControl
from tuneloop.errors import (
    ProviderUnavailable,
)
from tuneloop.evaluation.render import ModelUnderTest, render
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxDevRender
from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.storage.local import LocalDirectory

RENDER = "/v1/flux-dev-finetuned"
PLAN = EvaluationConfig(prompts=("a photo of {trigger}",), seeds=(1, 2), settings=FluxDevRender())


def inferences(emulator: EmulatorControl) -> int:
    return sum(entry.kind == "inference" for entry in emulator.billing())


TWELVE = PLAN.model_copy(update={"seeds": tuple(range(12))})


def attempt(
    artifacts: LocalDirectory, provider: SegmindProvider, subject: ModelUnderTest, plan: EvaluationConfig
) -> Evaluation | None:
    """One run's rendering, None where it stopped because nothing was answered."""
    with suppress(ProviderUnavailable):
        return render(artifacts, provider, subject, plan)
    return None


def is_complete(evaluation: Evaluation) -> bool:
    return all(image.name for image in evaluation.images)


def noting(emulator: EmulatorControl) -> tuple[list[tuple[int, int]], Callable[[int], bool]]:
    """A reserve, and what it is told: images, and how many were rendered until then."""
    told: list[tuple[int, int]] = []

    def reserve(images: int) -> bool:
        told.append((images, inferences(emulator)))
        return True

    return told, reserve
