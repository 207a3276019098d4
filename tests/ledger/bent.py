"""A provider whose answers are bent on their way, where the emulated one is too well behaved."""

from __future__ import annotations

from collections.abc import Callable

from tuneloop.clock import Deadline
from tuneloop.errors import ProviderError
from tuneloop.providers.base import DeliveredDataset
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.training import JobList, Submission


class BentProvider(SegmindProvider):
    """Everything goes over the wire as ever; what is set here is done to what comes back."""

    bend_list: Callable[[JobList], JobList] = staticmethod(lambda shown: shown)
    lost_answer: ProviderError | None = None
    """Raised in place of every submit's answer, after its effect."""
    ahead_s: float = 0.0
    """What the provider's clock seems to be ahead."""

    @property
    def clock_offset_s(self) -> float | None:
        return (super().clock_offset_s or 0.0) + self.ahead_s

    def list_jobs(self) -> JobList:
        return self.bend_list(super().list_jobs())

    def submit(self, name: str, recipe: BaseRecipe, dataset: DeliveredDataset, deadline: Deadline) -> Submission:
        accepted = super().submit(name, recipe, dataset, deadline)
        if self.lost_answer is not None:
            raise self.lost_answer
        return accepted
