"""What every recipe has in common, and what is left of one for a model that was trained elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, JsonValue, create_model

from tuneloop.schemas.canonical import drop_empty
from tuneloop.schemas.dataset import NO_LIMITS, DatasetRequirements, ImagePreprocessing
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.render_settings import ServiceSettings

_OUR_OWN = frozenset({"trainer", "normalize"})
"""Fields that say which trainer is meant and how images are prepared for it; no provider knows them."""


class Cadence(FrozenModel):
    """Rhythm of polling one kind of training. Seconds.

    No provider publishes how long its trainings take. So the pause grows with the training's age: whoever has
    waited three hours can wait nine minutes more.
    """

    floor_s: int = 60
    """Shortest pause: the sensor's own rhythm."""
    ceiling_s: int = 600
    """Longest pause."""
    share_of_age: float = 0.05
    """In between, the pause is this part of the age."""
    overdue_s: int = 24 * 3600
    """From submit until a person is told that it takes unusually long."""

    def pause_s(self, age_s: float) -> float:
        """Seconds between two looks at a training of this age."""
        return min(max(age_s * self.share_of_age, self.floor_s), self.ceiling_s)


class LocalPipeline(FrozenModel):
    """What runs a trainer's weights on one's own machine, with diffusers."""

    name: str
    """Class of the pipeline."""
    base: str
    """The base model, at Hugging Face."""


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
    example: ClassVar[dict[str, JsonValue]]
    """The fields that it demands, for images of a subject that `{trigger}` stands for."""

    local_pipeline: ClassVar[LocalPipeline | None] = None
    """What runs its weights; None where they stay at the provider."""

    form_fields: ClassVar[Mapping[str, str]] = {}
    """Where settings are that the run form has by another name, such as `advance_parameters.steps`."""

    if TYPE_CHECKING:
        trainer: str = ""
        """Which trainer this is: each recipe has its own literal."""

    normalize: ImagePreprocessing | None = Field(default=None, title="Normalize")
    """Send changed copies in place of the images. Left out: copies only of those that EXIF data rotates."""

    def canonical(self) -> JsonValue:
        """The recipe as it enters the training key: set fields only, with a schema number."""
        fields = self.model_dump(mode="json", exclude=set(self.excluded_from_key))
        return {"schema": 1, "recipe": drop_empty(fields)}

    def sent_fields(self) -> dict[str, JsonValue]:
        """The fields that are sent to the provider: those that are set, and none of our own."""
        fields = drop_empty(self.model_dump(mode="json", exclude=set(_OUR_OWN)))
        return fields if isinstance(fields, dict) else {}

    @classmethod
    def example_for(cls, trigger: str) -> dict[str, JsonValue]:
        """The example's fields, with a subject's word in them."""
        texts = {name: item.format(trigger=trigger) for name, item in cls.example.items() if isinstance(item, str)}
        return {"trainer": trainer_of(cls), **cls.example, **texts}

    @property
    def trigger(self) -> str | None:
        """The word that stands for the subject, None where the trainer knows none."""
        return getattr(self, "trigger_word", None)

    @property
    def default_caption(self) -> str | None:
        """Caption of images without one, None where they stay without."""
        return None

    @property
    def provider_captions(self) -> bool:
        """Whether the provider captions the images that have no caption."""
        return False


class AdoptedRecipe(BaseRecipe):
    """What is known of a model that was trained elsewhere: enough to render and to judge it.

    The job's id tells it from every other one. Its dataset has been trained on, whatever it is: nothing of it is
    uploaded, and no limit refuses it.
    """

    job_id: str
    """The provider's id of the job."""
    trigger_word: str | None = None
    """The word that stands for the subject."""

    @classmethod
    def made_by(cls, recipe: type[BaseRecipe]) -> type[AdoptedRecipe]:
        """The recipe of models that this trainer has made, recorded as `adopted-TRAINER`."""
        name = f"adopted-{trainer_of(recipe)}"
        trainer: Any = (Literal[name], name)
        adopted = create_model(f"Adopted{recipe.__name__}", __base__=cls, trainer=trainer)
        adopted.provider, adopted.services = recipe.provider, recipe.services
        adopted.edit_pairs, adopted.local_pipeline = recipe.edit_pairs, recipe.local_pipeline
        return adopted


def trainer_of(recipe: type[BaseRecipe]) -> str:
    """What a recipe's trainer is called."""
    return str(recipe.model_fields["trainer"].default)
