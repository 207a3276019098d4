"""A file that sets little and a form that posts everything mean the same: one training, paid once."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.exceptions import ParameterTypeError

from flows.adopt_model import adopt_model
from flows.compare_trainers import compare_trainers
from flows.retrain_model import retrain_model
from flows.rollback_model import rollback_model
from tests.datasets.images import JPEG, PNG
from tests.datasets.scanning import scan
from tuneloop.datasets.captions import CaptionRule
from tuneloop.orchestration.comparison_request import Candidate
from tuneloop.orchestration.run_request import Fallback
from tuneloop.providers.registry import TRAINERS
from tuneloop.providers.segmind.recipes import FluxDevRender, FluxLoraRecipe
from tuneloop.schemas.evaluation import GatePolicy, ScoreWeights
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.recipe_form import to_form
from tuneloop.schemas.training import Account, TrainingIdentity

MINIMAL = """
model: robot
dataset: images/robot
recipe:
  trainer: flux-lora
  instance_prompt: a photo of ROBOX
  trigger_word: ROBOX
"""
ADVANCED = """
  advance_parameters:
    steps: 1000
    learning_rate: 4e-4
"""

DATASET = "ecfca69579a1ac44f20e0b066306d376372b497c736c0c1db8b856718ee3dc2a"
KEY = "1acb533b8e63b4b7ff6a3ca964a603ca848706074b527925db839136d4b377eb"
KEY_WITH_STEPS = "8ceec491a891865eda89a4667d306e92aa2cfe67b9b4c8a6abdb6d25267934bb"
PLAN = "3f9f2a808d87d0b4"

_EMPTY: dict[str, Any] = {"string": "", "integer": None, "number": None, "boolean": False, "object": {}}
"""What the form posts of a field that nobody has filled in."""
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "flux-lora": [
        {"machine_type": "NVIDIA_H100", "advance_parameters": {"steps": 700, "lora_rank": 8}},
        {"normalize": {"reencode": "png"}, "advance_parameters": {"learning_rate": 1e-4, "auto_caption": True}},
    ],
    "kontext-lora": [{"segmind_public": True, "advance_parameters": {"steps": 300}}],
    "qwen-lora": [{"advance_parameters": {"learning_rate": 4e-4}}],
    "bfl-finetune": [{"iterations": 500, "lora_rank": 16, "captioning": False}],
    "fal-turbo-flux-lora": [{"trigger_word": "ohwy", "training_style": "style", "learning_rate": 1e-3}],
    "fal-krea-3-lora": [{"steps": 500, "resolution": 1536}],
    "replicate-flux-lora": [{"steps": 700, "lora_rank": 8, "autocaption": False}],
    "replicate-qwen-lora": [{"learning_rate": 1e-4, "seed": 3}],
}


def validated(parameters: Any) -> dict[str, Any]:
    """The values a run gets, after the way over the wire."""
    return retrain_model.validate_parameters(json.loads(json.dumps(parameters)))


def clicked(written: dict[str, Any]) -> dict[str, Any]:
    """What the form posts for a deployment: all that it shows, empty where nobody has typed anything."""
    shape = retrain_model.parameters.properties
    recipe = _posted(shape["recipe"]["properties"], to_form(written["recipe"], TRAINERS))
    return {**_posted(shape, written), "recipe": recipe}


def _posted(shape: dict[str, Any], filled: dict[str, Any]) -> dict[str, Any]:
    return {name: filled.get(name, field.get("default", _EMPTY[field["type"]])) for name, field in shape.items()}


def validated_recipe(recipe: dict[str, Any]) -> Any:
    return validated({"model": "robot", "dataset": "images", "recipe": recipe})["recipe"]


def key_of(values: dict[str, Any], dataset_digest: str = "0" * 64) -> str:
    account = Account(provider="segmind")
    recipe = values["recipe"].canonical()
    return TrainingIdentity(dataset_digest=dataset_digest, recipe=recipe, account=account).key


def plan_of(values: dict[str, Any]) -> str:
    """Digest of the plan as the run file keeps it: with its service named."""
    service = values["recipe"].services[0]()
    return str(values["evaluation"].rendered_by(service).digest)


@pytest.mark.parametrize("text", [MINIMAL, MINIMAL + ADVANCED])
def test_form_that_posts_every_default_means_the_same_training_and_plan(text: str) -> None:
    written = yaml.safe_load(text)
    posted = clicked(written)
    assert key_of(validated(posted)) == key_of(validated(written))
    assert (
        plan_of(validated(posted))
        == plan_of(validated(written))
        == EvaluationConfig(settings=FluxDevRender()).digest
    )


def test_number_may_be_spelled_in_any_way() -> None:
    spellings = [ADVANCED, ADVANCED.replace("4e-4", "0.0004"), ADVANCED.replace("1000", "1000.0")]
    assert len({key_of(validated(yaml.safe_load(MINIMAL + text))) for text in spellings}) == 1


@pytest.mark.parametrize(("text", "key"), [(MINIMAL, KEY), (MINIMAL + ADVANCED, KEY_WITH_STEPS)])
def test_training_has_this_key_for_ever(text: str, key: str, tmp_path: Path) -> None:
    values = validated(clicked(yaml.safe_load(text)))
    digest = dataset_digest(tmp_path, values["recipe"])
    assert (digest, key_of(values, digest)) == (DATASET, key)


def test_plan_of_before_there_was_a_gate_keeps_its_digest() -> None:
    prompts = ("a photo of {trigger}", "{trigger} on a beach at sunset")
    plan = EvaluationConfig(prompts=prompts, seeds=(1, 2), settings=FluxDevRender())
    assert plan.digest == PLAN
    assert plan.model_copy(update={"gate": GatePolicy(margin=0.02)}).digest != PLAN


def dataset_digest(folder: Path, recipe: FluxLoraRecipe) -> str:
    (folder / "a.jpg").write_bytes(JPEG)
    (folder / "a.txt").write_text("waves at the sea")
    (folder / "b.png").write_bytes(PNG)
    rule = CaptionRule(
        trigger_word=recipe.trigger,
        instance_prompt=recipe.default_caption,
        provider_captions=recipe.provider_captions,
    )
    return scan(folder, rule).manifest.digest


@pytest.mark.parametrize("trainer", TRAINERS)
def test_recipe_of_a_file_and_its_form_mean_the_same(trainer: str) -> None:
    for others in ({}, *SETTINGS.get(trainer, ())):
        written = {**TRAINERS[trainer].example_for("ROBOX"), **others}
        shown = to_form(written, TRAINERS)
        assert shown.keys() <= {
            "trainer",
            "trigger_word",
            "default_caption",
            "steps",
            "learning_rate",
            "parameters",
        }
        assert validated_recipe(shown) == validated_recipe(written)


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        (
            {"trainer": "kontext-lora", "default_caption": "a hat", "trigger_word": "ROBOX"},
            "trigger_word: kontext-lora",
        ),
        ({"trainer": "flux-lora", "steps": 5, "parameters": {"steps": 6}}, "steps: is set twice"),
        ({"trainer": "flux-lora", "parameters": {"lora_rnk": 6}}, "lora_rnk"),
        ({"trainer": "flux-lora", "parameters": [6]}, "parameters: should be a JSON object"),
        (
            {"trainer": "flux-lora", "parameters": {"parameters": {"lora_rank": 6}}},
            "parameters: is nested in itself",
        ),
        ({"trainer": "bfl-finetune", "mode": "style", "trigger_word": ""}, "trigger_word"),
        ({"trainer": "flux-lora", "steps": -1}, "steps"),
        ({"trainer": "sdxl"}, "sdxl"),
    ],
)
def test_value_that_no_trainer_takes_is_refused_by_its_name(typed: dict[str, Any], word: str) -> None:
    subject = (
        {"default_caption": "a photo of ROBOX", "trigger_word": "ROBOX"} if typed["trainer"] == "flux-lora" else {}
    )
    with pytest.raises(ParameterTypeError, match=re.escape(word)):
        validated({"model": "robot", "dataset": "images", "recipe": {**subject, **typed}})


def test_form_has_few_fields_and_none_that_may_be_null() -> None:
    shape = retrain_model.parameters.model_dump()
    assert [*shape["properties"]] == ["model", "dataset", "dry_run", "force_reason", "recipe"]
    assert "null" not in json.dumps(shape)
    assert not shape["definitions"]
    for field in (*shape["properties"].values(), *shape["properties"]["recipe"]["properties"].values()):
        assert field["title"]
        assert field["description"]


@pytest.mark.parametrize("shown", [adopt_model, compare_trainers, rollback_model])
def test_field_that_may_be_left_empty_is_a_plain_one_in_every_form(shown: Flow[..., Any]) -> None:
    """A tab for null would say nothing, and be there in each item of a list."""
    assert '"null"' not in json.dumps(shown.parameters.model_dump())


def test_comparisons_form_shows_what_a_file_has_but_for_the_gate() -> None:
    shown = [*compare_trainers.parameters.properties]
    assert shown[:4] == ["name", "model", "dataset", "dry_run"]
    assert {*inspect.signature(compare_trainers.fn).parameters} - {*shown} == {"gate"}


@pytest.mark.parametrize("shown", [EvaluationConfig, GatePolicy, ScoreWeights, Fallback, Candidate])
def test_every_field_of_a_form_or_report_says_what_it_is(shown: type[FrozenModel]) -> None:
    assert not [name for name, field in shown.model_fields.items() if not field.description]
