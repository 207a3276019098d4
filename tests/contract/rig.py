"""One provider, ready for the contract: emulated, or the real one on request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl
from tuneloop.providers.base import Provider
from tuneloop.providers.registry import PROVIDERS
from tuneloop.schemas.recipe_fields import BaseRecipe

CLIENTS: dict[str, Callable[..., Provider]] = {row.name: row.client for row in PROVIDERS}
KEY_VARIABLES = {row.name: f"{row.name.upper()}_API_KEY" for row in PROVIDERS}


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
