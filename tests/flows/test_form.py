"""A file that sets little and a form that posts everything mean the same: one training, paid once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.retrain_model import retrain_model
from tests.datasets.images import JPEG, PNG
from tests.datasets.scanning import scan
from tuneloop.datasets.captions import CaptionRule
from tuneloop.providers.segmind.recipes import FluxDevRender, FluxLoraRecipe
from tuneloop.schemas.evaluation import GatePolicy
from tuneloop.schemas.plan import EvaluationConfig
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


def validated(parameters: Any) -> dict[str, Any]:
    """The values a run gets, after the way over the wire."""
    return retrain_model.validate_parameters(json.loads(json.dumps(parameters)))


def clicked(typed: dict[str, Any]) -> dict[str, Any]:
    """What the form posts: every default that its schema shows, beneath what a person has typed."""
    schema = retrain_model.parameters.model_dump()
    return dict(_beneath(_posted(schema, schema["definitions"]), typed))


def _posted(shape: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if "default" in shape:
        return shape["default"]
    if "anyOf" in shape:
        return _posted(shape["anyOf"][0], definitions)
    if "$ref" in shape:
        return _posted(definitions[shape["$ref"].rpartition("/")[2]], definitions)
    return {name: _posted(item, definitions) for name, item in shape.get("properties", {}).items()} or None


def _beneath(defaults: Any, typed: Any) -> Any:
    if not isinstance(defaults, dict) or not isinstance(typed, dict):
        return typed
    return {**defaults, **{name: _beneath(defaults.get(name), value) for name, value in typed.items()}}


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
    assert posted["recipe"]["machine_type"] == "NVIDIA_A100_40GB"
    assert posted["recipe"]["advance_parameters"]["lora_rank"] is None
    assert posted["evaluation"]["settings"] == {"endpoint": "default"}
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


def test_every_field_of_the_form_has_a_name() -> None:
    """Prefect calls a field without a title of its own, or of what it refers to, just "Field"."""
    schema = retrain_model.parameters.model_dump()
    nameless = [
        name
        for shape in (schema, *schema["definitions"].values())
        for name, field in shape.get("properties", {}).items()
        if not field.keys() & {"title", "$ref"}
    ]
    assert not nameless
