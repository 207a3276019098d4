"""Recipe of BFL's fine-tuning API."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from tuneloop.schemas.copies import ImagePreprocessing
from tuneloop.schemas.dataset_profile import DatasetRequirements
from tuneloop.schemas.form import require_discriminator
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.render_settings import BflProRender, BflUltraRender, ServiceSettings

_CENTS_BY_ITERATIONS = ((150, 200), (500, 400))
_CENTS_BEYOND = 600


class BflFinetuneRecipe(BaseRecipe):
    """Fine-tune FLUX.1 pro at BFL. The weights stay there; the model is used by its id.

    Sources: BFL, finetune page (fields, ranges, defaults); BFL, OpenAPI (a third priority).
    """

    model_config = ConfigDict(title="FLUX pro fine-tune (BFL)", json_schema_extra=require_discriminator("trainer"))
    provider: ClassVar[str] = "bfl"
    services: ClassVar[tuple[type[ServiceSettings], ...]] = (BflProRender, BflUltraRender)
    profile: ClassVar[DatasetRequirements] = DatasetRequirements(
        fewest_images=1, most_images=20, advised_fewest=6, scaled_to_px=1_000_000
    )
    """Source: BFL, finetuning guide: 1 to 20 images, more than 5 advised, JPG, PNG and WebP, capped at 1 MP.

    More than 20 are taken, and end as "Request Moderated" once the training is submitted (BFL, flux issue 417),
    so they are refused here. No page says how large the zip may be.
    """
    trainer: Literal["bfl-finetune"] = "bfl-finetune"
    """Which trainer this is; the tab above sets it."""
    mode: Literal["general", "character", "style", "product"]
    """What the images are of; it decides how they are captioned. general describes the whole image."""
    trigger_word: str = Field(default="TOK", min_length=1)
    """The rare word that calls the subject; it is put in front of captions that lack it."""
    iterations: int = Field(default=300, ge=100, le=1000)
    """Training iterations, 100 to 1000. The price depends on them."""
    learning_rate: float | None = Field(default=None, ge=0.000001, le=0.005)
    """Learning rate, 0.000001 to 0.005. Left out: 0.00001 for a full fine-tune, 0.0001 for a LoRA."""
    captioning: bool = True
    """Let BFL caption the images that have no caption."""
    priority: Literal["speed", "quality", "high_res_only"] = "quality"
    """What BFL favours. high_res_only is in its OpenAPI, not on its page."""
    finetune_type: Literal["lora", "full"] = "full"
    """A LoRA, or a full fine-tune from which a LoRA is taken afterwards."""
    lora_rank: Literal[16, 32] = 32
    """Rank of the LoRA."""
    normalize: ImagePreprocessing | None = Field(default=None, title="Normalize")
    """Send changed copies in place of the images. Left out: copies only of those that EXIF data rotates."""

    @property
    def trigger(self) -> str:
        """The trigger word."""
        return self.trigger_word

    @property
    def provider_captions(self) -> bool:
        """BFL captions unless told not to."""
        return self.captioning

    @property
    def cents(self) -> int:
        """Source: BFL, pricing. It leaves 150 and 500 iterations themselves open: the higher price is assumed."""
        below = (cents for limit, cents in _CENTS_BY_ITERATIONS if self.iterations < limit)
        return next(below, _CENTS_BEYOND)
