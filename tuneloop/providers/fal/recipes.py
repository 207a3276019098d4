"""fal's recipes: one is made from each row of the trainers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, JsonValue, create_model

from tuneloop.providers.base import Price
from tuneloop.providers.fal.trainer import Rate, Trainer
from tuneloop.providers.fal.trainers import READ_ON, TRAINERS
from tuneloop.schemas.dataset import DatasetRequirements
from tuneloop.schemas.recipe_fields import BaseRecipe

_TRIGGER = "The rare word that stands for the subject; it is put in front of captions that lack it."


class FalRecipe(BaseRecipe):
    """What the recipes of all rows have in common.

    The trigger word, the steps and the caption of images without one have the same names for every trainer; what
    fal calls them is taken too, and is what is sent.
    """

    provider: ClassVar[str] = "fal"
    row: ClassVar[Trainer]

    instance_prompt: str | None = Field(default=None, min_length=1)
    """What the images show: the caption of images without one. For pairs, the instruction."""

    @property
    def default_caption(self) -> str | None:
        return self.instance_prompt

    @property
    def provider_captions(self) -> bool:
        if self.instance_prompt is not None:
            return False
        return self.row.uncaptioned == "captioned there" or (
            self.row.uncaptioned == "trigger word" and self.trigger is not None
        )

    def sent_fields(self) -> dict[str, JsonValue]:
        """The trainer's inputs by fal's names, but for the zip."""
        fields = super().sent_fields()
        names = {
            "trigger_word": self.row.trigger_field,
            "instance_prompt": "default_caption" if self.row.has_default_caption else None,
            "steps": self.row.steps.wire_name,
        }
        sent = {names.get(name, name): item for name, item in fields.items()}
        return {name: item for name, item in sent.items() if name is not None}


def price_of(recipe: FalRecipe, cents_per_step: float | None = None) -> Price | None:
    """By the steps; `cents_per_step` is what fal's platform says today, None where it says nothing that is known.

    The platform has one price for a trainer: where the page has one for each resolution, theirs are kept in its
    proportion. None where neither a page nor the platform has a price.
    """
    published = recipe.row.price
    steps = getattr(recipe, "steps")  # noqa: B009 - the rows make the field
    least = published.least_steps if published else 1
    billed = max(steps, least)
    cents, factor = published.cents if published else None, 1.0
    if isinstance(cents, Mapping):
        base, cents = next(iter(cents.values())), cents.get(str(getattr(recipe, "resolution", "")))
        if cents is None:
            return None
        factor = cents / base
    if cents_per_step is not None:
        at = "" if factor == 1 else f", times {factor:g} for the resolution"
        return Price(_rounded_up(billed * cents_per_step * factor), f"{billed} steps by fal's pricing API{at}")
    if published is None or cents is None:
        return None
    return Price(_rounded_up(billed * cents), f"{billed} steps by {published.source}", READ_ON)


def _rounded_up(cents: float) -> int:
    """Whole cents. What floating point adds to a product is no further cent."""
    return math.ceil(round(cents, 6))


def recipe_of(row: Trainer) -> type[FalRecipe]:
    """Make the recipe of one row."""
    name: Any = row.recipe
    fields: dict[str, Any] = {
        "trainer": (Literal[name], Field(default=name, description="Which trainer this is."))
    }
    if not row.pairs:
        trigger = Field(default=row.trigger_word, min_length=1, description=_TRIGGER)
        fields["trigger_word"] = (str | None, trigger)
    fields["steps"] = (int, _steps_field(row))
    if row.rate is not None:
        fields["learning_rate"] = (float, _rate_field(row.rate))
    made = create_model(
        _class_name(row.recipe),
        __base__=FalRecipe,
        __doc__=f"Train {row.title} with fal's {row.endpoint}.",
        **fields,
        **row.more,
    )
    made.row = row
    made.services = (row.service,)
    made.edit_pairs = row.pairs
    made.local_pipeline = row.local_pipeline
    made.profile = DatasetRequirements(
        min_images=2 if row.pairs else 1,
        recommended_min_images=row.advised_images,
        captions_required=row.uncaptioned == "fails",
    )
    made.example = _example(row)
    made.form_fields = _form_fields(row)
    return made


def _steps_field(row: Trainer) -> Any:
    steps = row.steps
    in_steps = f" in steps of {steps.multiple}" if steps.multiple > 1 else ""
    return Field(
        default=steps.default,
        ge=steps.least,
        le=steps.most,
        multiple_of=steps.multiple,
        description=f"Training steps, {steps.least} to {steps.most}{in_steps}. The price depends on them.",
    )


def _rate_field(rate: Rate) -> Any:
    within = "Learning rate" if rate.least is None else f"Learning rate, {rate.least:g} to {rate.most:g}"
    above = 0 if rate.least is None else None
    return Field(default=rate.default, gt=above, ge=rate.least, le=rate.most, description=f"{within}.")


def _example(row: Trainer) -> dict[str, JsonValue]:
    if row.pairs:
        return {"instance_prompt": "give the robot a hat"}
    return {"instance_prompt": "a photo of {trigger}", "trigger_word": "{trigger}"}


def _form_fields(row: Trainer) -> Mapping[str, str]:
    """What the form and fal call settings that every recipe here calls the same."""
    names = {"default_caption": "instance_prompt", row.steps.wire_name: "steps"}
    if row.trigger_field is not None:
        names[row.trigger_field] = "trigger_word"
    return {given: ours for given, ours in names.items() if given != ours}


def _class_name(recipe: str) -> str:
    return "".join(part.title() for part in recipe.split("-")) + "Recipe"


RECIPES: tuple[type[FalRecipe], ...] = tuple(map(recipe_of, TRAINERS))
