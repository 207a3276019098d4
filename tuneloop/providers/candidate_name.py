"""What the candidates of a comparison are called, so that no two are called the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from tuneloop.providers.registry import recorded_recipe, trainer_name
from tuneloop.schemas.records import RunRecord

_MOST_CHARACTERS = 40
"""Of a setting's value; a caption may be long."""


def candidate_name(run: RunRecord, candidates: Sequence[RunRecord]) -> str:
    """A candidate's trainer and account; where others have the same, the settings in which it differs from them.

    Such as `TRAINER at ACCOUNT (steps 400)`.
    """
    name = trainer_name(run)
    own, others = _settings(run), [_settings(each) for each in candidates if trainer_name(each) == name]
    names = dict.fromkeys(setting for settings in others for setting in settings)
    different = [each for each in names if any(other.get(each) != own.get(each) for other in others)]
    shown = ", ".join(f"{each} {_short(own[each])}" if each in own else f"default {each}" for each in different)
    return f"{name} ({shown})" if shown else name


def _settings(run: RunRecord) -> dict[str, JsonValue]:
    """The settings that make a training another one, without the groups that a recipe has them in."""
    recipe = recorded_recipe.validate_python(run.recipe).canonical()
    return dict(_flat(recipe["recipe"])) if isinstance(recipe, dict) else {}


def _flat(fields: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    for name, value in fields.items() if isinstance(fields, dict) else ():
        if isinstance(value, dict):
            yield from _flat(value)
        else:
            yield name, value


def _short(value: JsonValue) -> str:
    text = str(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
