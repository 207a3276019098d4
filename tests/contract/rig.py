"""One provider, ready for the contract: emulated, or the real one on request."""

from __future__ import annotations

from dataclasses import dataclass

from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl
from tuneloop.providers.base import Provider
from tuneloop.providers.bfl.client import BflProvider
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.schemas.recipe_fields import BaseRecipe

CLIENTS: dict[str, type[SegmindProvider | BflProvider]] = {"segmind": SegmindProvider, "bfl": BflProvider}
KEY_VARIABLES = {"segmind": "SEGMIND_API_KEY", "bfl": "BFL_API_KEY"}
PAID_PATHS = {"segmind": "/finetune/request/submit", "bfl": "/v1/finetune"}


@dataclass(frozen=True)
class Rig:
    """What a contract test works with.

    Attributes:
        name: Which recipe, such as `flux-lora`.
        provider: A client with a right key.
        stranger: A client with a wrong key.
        recipe: A recipe that the provider trains.
        archive: A dataset for it.
        image: An image to edit, for models that edit.
        emulator: Controls of the emulated provider; None where the provider is the real one.
    """

    name: str
    provider: Provider
    stranger: Provider
    recipe: BaseRecipe
    archive: DatasetArchive
    image: bytes | None
    emulator: EmulatorControl | None

    def trainings(self) -> int:
        """Trainings that were billed."""
        assert self.emulator is not None
        return sum(entry.kind == "training" for entry in self.emulator.billing())
