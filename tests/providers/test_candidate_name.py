"""Two candidates of one comparison are never called the same: a person has to choose between them."""

from __future__ import annotations

from typing import Any

from tests.registry.conftest import run_of
from tuneloop.providers.candidate_name import candidate_name
from tuneloop.providers.registry import TRAINERS
from tuneloop.schemas.records import RunRecord

FLUX = {"trainer": "flux-lora", "instance_prompt": "a photo of ROBOX", "trigger_word": "ROBOX"}
KREA = {"trainer": "fal-krea-3-lora", "trigger_word": "ROBOX"}


def names_of(*recipes: dict[str, Any]) -> list[str]:
    validated = [TRAINERS[recipe["trainer"]](**recipe).model_dump(mode="json") for recipe in recipes]
    runs: list[RunRecord] = [run_of("a").model_copy(update={"recipe": recipe}) for recipe in validated]
    return [candidate_name(run, runs) for run in runs]


def test_trainers_that_differ_are_called_by_their_names_alone() -> None:
    assert names_of(FLUX, KREA) == ["flux-lora at segmind.default", "fal-krea-3-lora at segmind.default"]


def test_recipes_of_one_trainer_are_told_apart_by_the_settings_in_which_they_differ() -> None:
    quick = {**FLUX, "advance_parameters": {"steps": 400}}
    slow = {**FLUX, "advance_parameters": {"steps": 2000, "lora_rank": 32}}
    names = names_of(quick, slow, KREA)
    assert names[0] == "flux-lora at segmind.default (steps 400, default lora_rank)"
    assert names[1] == "flux-lora at segmind.default (steps 2000, lora_rank 32)"
    assert names[2] == "fal-krea-3-lora at segmind.default"


def test_long_setting_is_cut() -> None:
    said = {**FLUX, "instance_prompt": "a small orange robot with a heart on its chest and two round hands"}
    assert names_of(said, FLUX) == [
        "flux-lora at segmind.default (instance_prompt a small orange robot with a heart on it…)",
        "flux-lora at segmind.default (instance_prompt a photo of ROBOX)",
    ]
