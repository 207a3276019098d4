"""What every recipe has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import JsonValue

from tuneloop.schemas.cadence import Cadence
from tuneloop.schemas.canonical import drop_empty
from tuneloop.schemas.copies import ImagePreprocessing
from tuneloop.schemas.dataset_profile import NO_LIMITS, DatasetRequirements
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.render_settings import ServiceSettings

_OUR_OWN = frozenset({"trainer", "normalize"})
"""Fields that say which trainer is meant and how images are prepared for it; no provider knows them."""


class BaseRecipe(FrozenModel):
    """The part of a recipe that the pipeline itself needs to know."""

    provider: ClassVar[str]
    """Name of the provider that documents this trainer."""
    excluded_from_key: ClassVar[frozenset[str]] = frozenset()
    """Fields that do not change the weights: changing one is no reason to pay for a new training."""
    services: ClassVar[tuple[type[ServiceSettings], ...]]
    """Services that can render with the trained model; the first one is the default."""
    cadence: ClassVar[Cadence] = Cadence()
    """How often its trainings are asked about, and when one is overdue."""
    edit_pairs: ClassVar[bool] = False
    """The dataset is made of pairs, before and after, and the model edits images."""
    profile: ClassVar[DatasetRequirements] = NO_LIMITS
    """What the trainer's pages say about datasets."""

    if TYPE_CHECKING:
        normalize: ImagePreprocessing | None
        """Every recipe has it, as its own last field: a field of this class would be the first one of the form."""

    def canonical(self) -> JsonValue:
        """The recipe as it enters the training key: set fields only, with a schema number."""
        fields = self.model_dump(mode="json", exclude=set(self.excluded_from_key))
        return {"schema": 1, "recipe": drop_empty(fields)}

    def sent_fields(self) -> dict[str, JsonValue]:
        """The fields that are sent to the provider: those that are set, and none of our own."""
        fields = drop_empty(self.model_dump(mode="json", exclude=set(_OUR_OWN)))
        return fields if isinstance(fields, dict) else {}

    @property
    def trigger(self) -> str | None:
        """The word that calls the subject, None where the trainer knows none."""
        return None

    @property
    def default_caption(self) -> str | None:
        """Caption of images without one, None where they stay without."""
        return None

    @property
    def provider_captions(self) -> bool:
        """Whether the provider captions the images that have no caption."""
        return False

    @property
    def cents(self) -> int | None:
        """What one training costs in US cents by the provider's own price list, None where it publishes none."""
        return None
