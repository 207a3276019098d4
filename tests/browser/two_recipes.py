"""A flow whose recipe is one of two: the form has to let one choose."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import ConfigDict, Field

from tuneloop.values.form import ShownAsAnyOf, require_discriminator
from tuneloop.values.recipe_fields import RecipeFields
from tuneloop.values.segmind_recipes import FluxLoraRecipe


class SmallTestRecipe(RecipeFields):
    """Train nothing, nowhere."""

    model_config = ConfigDict(title="Small test (nowhere)", json_schema_extra=require_discriminator("trainer"))
    provider: ClassVar[str] = "nowhere"

    trainer: Literal["small-test"] = "small-test"
    """Which trainer this is."""
    rounds: int = Field(default=3, ge=1, le=9)
    """How many rounds, 1 to 9."""
    subject: str = Field(min_length=1)
    """What would be trained."""


TwoRecipes = Annotated[FluxLoraRecipe | SmallTestRecipe, Field(discriminator="trainer"), ShownAsAnyOf()]


@flow(name="choose-recipe")
def choose_recipe(recipe: TwoRecipes) -> State[Any]:
    """Say which recipe arrived, after the flow's own validation.

    Args:
        recipe: One of two.
    """
    return Completed(message=f"{type(recipe).__name__} {recipe.model_dump_json()}")
