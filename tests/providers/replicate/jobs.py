"""A training at the emulated Replicate, as the tests of its client make one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.emulator.segmind_caller import dataset
from tuneloop.clock import Deadline
from tuneloop.providers.replicate.client import ReplicateProvider
from tuneloop.providers.replicate.recipes import (
    ReplicateFluxLoraRecipe,
    ReplicateQwenLoraRecipe,
    ReplicateRecipe,
)
from tuneloop.schemas.training import Submission

KEY = "r8_0123456789abcdef0123456789abcdef01234"

NAME = "0123456789abcdef-g1"

FLUX_RECIPE = ReplicateFluxLoraRecipe(steps=300)

QWEN_RECIPE = ReplicateQwenLoraRecipe(instance_prompt="a photo of a robot", steps=300)


@dataclass
class Zip:
    """A file of ours, which may be said to be larger than it is."""

    content: bytes
    address: str | None = None
    size_bytes: int = 0

    def __post_init__(self) -> None:
        self.size_bytes = self.size_bytes or len(self.content)

    def chunks(self) -> Iterator[bytes]:
        yield self.content

    def url(self) -> str | None:
        return self.address


def submit(provider: ReplicateProvider, recipe: ReplicateRecipe = FLUX_RECIPE, name: str = NAME) -> Submission:
    provider.prepare(name, recipe)
    return provider.submit(name, recipe, provider.deliver(name, Zip(dataset())), Deadline(60))
