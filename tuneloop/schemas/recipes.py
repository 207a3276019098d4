"""Recipes: one per trainer, its fields exactly what the provider documents. They are the form in the UI."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tuneloop.schemas.bfl_recipe import BflFinetuneRecipe
from tuneloop.schemas.form import AnyOfSchema
from tuneloop.schemas.segmind_recipes import FluxLoraRecipe, KontextLoraRecipe, QwenLoraRecipe

Recipe = Annotated[
    FluxLoraRecipe | KontextLoraRecipe | QwenLoraRecipe | BflFinetuneRecipe,
    Field(discriminator="trainer"),
    AnyOfSchema(),
]
"""Any recipe. The trainer's name decides which."""
