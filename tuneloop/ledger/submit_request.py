"""What is to be paid for, and at what price."""

from __future__ import annotations

from dataclasses import dataclass

from tuneloop.providers.base import Archive
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import UploadedDataset


@dataclass(frozen=True)
class SubmitRequest:
    """What is to be paid for.

    Attributes:
        run: What the flow run works on.
        recipe: The recipe, as validated.
        dataset: The uploaded zip.
        archive: The zip itself, for providers that take it within the submit.
        limits: What the account may spend.
        approval: The reason with which a person lets a held training through, None where nobody was asked.
    """

    run: RunRecord
    recipe: BaseRecipe
    dataset: UploadedDataset
    archive: Archive
    limits: SpendingLimits
    approval: str | None = None

    @property
    def cents(self) -> int | None:
        """Price in US cents, None where nobody knows it."""
        return training_price(self.recipe, self.limits)


def training_price(recipe: BaseRecipe, limits: SpendingLimits) -> int | None:
    """What a training costs in US cents: as the user has set it, else as the provider publishes it."""
    return recipe.cents if limits.cents_per_training is None else limits.cents_per_training
