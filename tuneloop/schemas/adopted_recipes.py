"""Models that were trained elsewhere: only what is needed to render and to judge them is known."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter

from tuneloop.schemas.bfl_recipe import BflFinetuneRecipe
from tuneloop.schemas.copies import ImagePreprocessing
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.recipes import Recipe
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.segmind_recipes import FluxLoraRecipe, KontextLoraRecipe, QwenLoraRecipe

Trainer = Literal["flux-lora", "kontext-lora", "qwen-lora", "bfl-finetune"]


class Adopted(BaseRecipe):
    """What is known of an adopted model; the job's id tells it from every other one.

    Its dataset has been trained on, whatever it is: nothing of it is uploaded, and no limit refuses it.
    """

    job_id: str
    """The provider's id of the job."""
    trigger_word: str | None = None
    """The word that calls the subject."""
    normalize: ImagePreprocessing | None = None
    """Always left out: nothing is sent for a model that is trained already."""

    @property
    def trigger(self) -> str | None:
        """The trigger word, as the user gave it."""
        return self.trigger_word


class AdoptedFluxLora(Adopted):
    """A Flux LoRA."""

    provider: ClassVar[str] = FluxLoraRecipe.provider
    services: ClassVar[tuple[type[ServiceSettings], ...]] = FluxLoraRecipe.services
    trainer: Literal["adopted-flux-lora"] = "adopted-flux-lora"


class AdoptedKontextLora(Adopted):
    """A Flux Kontext LoRA, which edits images."""

    provider: ClassVar[str] = KontextLoraRecipe.provider
    services: ClassVar[tuple[type[ServiceSettings], ...]] = KontextLoraRecipe.services
    edit_pairs: ClassVar[bool] = True
    trainer: Literal["adopted-kontext-lora"] = "adopted-kontext-lora"


class AdoptedQwenLora(Adopted):
    """A Qwen LoRA."""

    provider: ClassVar[str] = QwenLoraRecipe.provider
    services: ClassVar[tuple[type[ServiceSettings], ...]] = QwenLoraRecipe.services
    trainer: Literal["adopted-qwen-lora"] = "adopted-qwen-lora"


class AdoptedBflFinetune(Adopted):
    """A BFL fine-tune."""

    provider: ClassVar[str] = BflFinetuneRecipe.provider
    services: ClassVar[tuple[type[ServiceSettings], ...]] = BflFinetuneRecipe.services
    trainer: Literal["adopted-bfl-finetune"] = "adopted-bfl-finetune"


ADOPTED: dict[Trainer, type[Adopted]] = {
    "flux-lora": AdoptedFluxLora,
    "kontext-lora": AdoptedKontextLora,
    "qwen-lora": AdoptedQwenLora,
    "bfl-finetune": AdoptedBflFinetune,
}
"""By the trainer that made the model."""

_AdoptedRecipe = Annotated[
    AdoptedFluxLora | AdoptedKontextLora | AdoptedQwenLora | AdoptedBflFinetune, Field(discriminator="trainer")
]

recorded_recipe: TypeAdapter[BaseRecipe] = TypeAdapter(Recipe | _AdoptedRecipe)
"""Any recipe that a record may hold."""
