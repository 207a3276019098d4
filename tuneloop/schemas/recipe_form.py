"""A recipe as the run form shows it: the trainer, the usual settings, and one field for all others.

Prefect's form shows every member of a union with all of its fields, and a tab for each field that may be null.
So the form has a flat shape of its own, whatever the number of trainers. Files keep the recipe's own fields, and
both mean the same recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from tuneloop.schemas.recipe_fields import BaseRecipe

Recipes = Mapping[str, type[BaseRecipe]]
"""Recipes by the names of their trainers."""

OTHERS = "parameters"
"""The form's field for the settings that only this trainer has."""
_COMMON: dict[str, JsonSchemaValue] = {
    "trigger_word": {
        "title": "Trigger word",
        "type": "string",
        "description": "The rare word that stands for the subject.",
    },
    "default_caption": {
        "title": "Default caption",
        "type": "string",
        "description": "What the images show: the caption of images without one. For edits, the instruction.",
    },
    "steps": {"title": "Steps", "type": "integer", "description": "Training steps. Empty: the trainer's choice."},
    "learning_rate": {
        "title": "Learning rate",
        "type": "number",
        "description": "Such as 0.0004. Empty: the trainer's choice.",
    },
}
"""The settings that have a field of their own in the form."""


class RecipeFormSchema:
    """Shows a union of recipes as one flat object, in which a select names the trainer."""

    def __init__(self, recipes: Recipes) -> None:
        self._trainers = [*recipes]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        del schema, handler
        trainer = {
            "title": "Trainer",
            "type": "string",
            "enum": self._trainers,
            "description": "Which trainer, of the provider that the credentials are for.",
        }
        others = {
            "title": "Other parameters",
            "type": "object",
            "description": 'The trainer\'s other documented settings, as JSON: {"lora_rank": 16}.',
        }
        properties = {"trainer": trainer, **_COMMON, OTHERS: others}
        return {"type": "object", "title": "Recipe", "properties": properties, "required": ["trainer"]}


def from_form(value: Any, recipes: Recipes) -> Any:
    """The recipe's own fields, from those of the form or of a file.

    Args:
        value: What a form or a file says. Anything that names no known trainer is returned as it is.
        recipes: The recipes that there are.

    Raises:
        ValueError: It says a setting that this trainer does not have, or one setting twice.
    """
    recipe = recipes.get(str(value.get("trainer"))) if isinstance(value, dict) else None
    if recipe is None:
        return value
    others = value.get(OTHERS) or {}
    if not isinstance(others, dict):
        raise ValueError(f'{OTHERS}: should be a JSON object, such as {{"lora_rank": 16}}')  # noqa: TRY004 - pydantic's
    if OTHERS in others:
        raise ValueError(f"{OTHERS}: is nested in itself; write only the settings")
    fields: dict[str, Any] = {}
    for name, item in [*value.items(), *others.items()]:
        # A form sends a field that nobody has filled in; what a file says is never left out.
        is_unfilled = OTHERS in value and name in _COMMON and (item is None or item == "")
        if name != OTHERS and not is_unfilled:
            _place(fields, _path(recipe, name), item)
    return fields


def to_form(value: dict[str, Any], recipes: Recipes) -> dict[str, Any]:
    """The form's fields, from a recipe that `from_form` accepts."""
    fields = from_form(value, recipes)
    recipe = recipes.get(str(fields.get("trainer")))
    if recipe is None:
        return value
    names = {_path(recipe, name): name for name in _COMMON if _has(recipe, name)}
    shown: dict[str, Any] = {"trainer": fields["trainer"]}
    others: dict[str, Any] = {}
    for path, item in _flat(recipe, fields):
        if path in names:
            shown[names[path]] = item
        elif path != ("trainer",):
            others[path[-1]] = item
    return {**shown, OTHERS: others}


def _path(recipe: type[BaseRecipe], name: str) -> tuple[str, ...]:
    """Where a setting is among a recipe's fields."""
    if name in recipe.form_fields:
        return tuple(recipe.form_fields[name].split("."))
    if name in recipe.model_fields:
        return (name,)
    for outer, group in _groups(recipe).items():
        if name in group.model_fields:
            return (outer, name)
    if name in _COMMON:
        raise ValueError(f"{name}: {recipe.model_fields['trainer'].default} has no such setting; leave it empty")
    return (name,)


def _has(recipe: type[BaseRecipe], name: str) -> bool:
    return (
        name in recipe.form_fields
        or name in recipe.model_fields
        or any(name in group.model_fields for group in _groups(recipe).values())
    )


def _groups(recipe: type[BaseRecipe]) -> dict[str, type[BaseModel]]:
    """Fields that hold settings of the trainer themselves. `normalize` is ours, and stays whole."""
    kinds = {name: field.annotation for name, field in recipe.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


def _place(fields: dict[str, Any], path: tuple[str, ...], item: Any) -> None:
    for name in path[:-1]:
        fields = fields.setdefault(name, {})
        if not isinstance(fields, dict):
            raise ValueError(f"{name}: should be a JSON object")  # noqa: TRY004 - pydantic takes no TypeError
    name = path[-1]
    if isinstance(item, dict) and isinstance(fields.get(name), dict):
        for inner, value in item.items():
            _place(fields[name], (inner,), value)
    elif name in fields and fields[name] != item:
        raise ValueError(f"{name}: is set twice, to {fields[name]!r} and to {item!r}")
    else:
        fields[name] = dict(item) if isinstance(item, dict) else item


def _flat(recipe: type[BaseRecipe], fields: dict[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    groups = _groups(recipe)
    flat: list[tuple[tuple[str, ...], Any]] = []
    for name, item in fields.items():
        if name in groups and isinstance(item, dict):
            flat += [((name, inner), value) for inner, value in item.items()]
        else:
            flat.append(((name,), item))
    return flat
