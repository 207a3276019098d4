"""How images are prepared is between the user and Tuneloop: it is in the key, and never on the wire."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conftest import RECIPES, recipe_named
from tests.providers.test_bfl import ThreeBytes
from tests.wire.exchanges import exchange
from tests.wire.replay import replaying
from tuneloop.clock import Deadline
from tuneloop.providers.base import DeliveredDataset, Provider
from tuneloop.providers.registry import ADOPTED, recorded_recipe, row_of
from tuneloop.schemas.canonical import digest_of
from tuneloop.schemas.recipe_fields import BaseRecipe

SUBMITS = {
    "segmind": "a training",
    "bfl": "a training with a webhook and a third priority",
    "fal": "a training",
    "replicate": "a FLUX training",
}


def body_sent(recipe: BaseRecipe) -> Any:
    dataset = DeliveredDataset("https://example.invalid/d.zip", 3, ThreeBytes())
    with replaying(exchange(recipe.provider, SUBMITS[recipe.provider])) as replay:
        client: Callable[..., Provider] = row_of(recipe.provider).client
        known = {"owner": "tuneloop-tests"} if recipe.provider == "replicate" else {}
        provider = client("key-of-a-test", base_url=replay.url, **known)
        provider.submit("a name", recipe, dataset, Deadline(60))
    (received,) = replay.received
    return json.loads(received.body)


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_that_prepares_images_sends_what_it_sends_without(name: str) -> None:
    prepared = recipe_named(name, normalize={"longest_side_px": 1024})
    sent = body_sent(prepared)
    assert sent == body_sent(recipe_named(name))
    assert not {"normalize", "trainer", "longest_side_px"} & (sent.keys() | sent.get("input", {}).keys())


@pytest.mark.parametrize("name", RECIPES)
def test_way_of_preparing_is_another_training_and_leaving_it_out_is_none(name: str) -> None:
    ways: list[dict[str, Any]] = [
        {},
        {"normalize": None},
        {"normalize": {}},
        {"normalize": {"longest_side_px": 1024}},
    ]
    keys = [digest_of(recipe_named(name, **way).canonical()) for way in ways]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_every_adopted_recipe_has_it_too() -> None:
    for adopted in ADOPTED.values():
        assert adopted(job_id="an id").normalize is None


GOLDEN: list[tuple[dict[str, Any], str]] = [
    (
        {"trainer": "flux-lora", "instance_prompt": "a photo of ROBOX", "trigger_word": "ROBOX"},
        "2c7a1e93bafd630a03b802e722c9631b31357b8bff8a4fb70b7cf3d161dd07c3",
    ),
    (
        {"trainer": "kontext-lora", "instance_prompt": "make it snow"},
        "07f55bcde22601147efa8a00d671d3523d18aa80c03fce22233806d810237d4a",
    ),
    (
        {
            "trainer": "qwen-lora",
            "instance_prompt": "a photo of ROBOX",
            "trigger_word": "ROBOX",
            "advance_parameters": {"steps": 900},
        },
        "10edf22d2ce584b74ddfb0041301fc65a753ddb1db10854cd7141f9be07a17fd",
    ),
    (
        {"trainer": "bfl-finetune", "mode": "character"},
        "89635ab19d994cd159811c4a2f5f239fdad708dd3bf53edf29279f3fe251f49b",
    ),
    (
        {"trainer": "replicate-flux-lora", "trigger_word": "ROBOX", "steps": 500},
        "31bf8de52bfd6428fcd9ce3505f8add767f713899db3cae90bba657bdb466962",
    ),
    (
        {"trainer": "replicate-qwen-lora", "instance_prompt": "a photo of a robot"},
        "6cb0d151cdde00825d5953893b2df1e0c2e902d684a9bfd9d7664375764e2999",
    ),
    (
        {"trainer": "fal-krea-3-lora", "trigger_word": "ROBOX", "steps": 500},
        "3b0ef9e5d6b7a75d601b27fd4e11f8084d4875c61e2c6a8152f003fbd8e2ce07",
    ),
    (
        {"trainer": "fal-kontext-lora", "instance_prompt": "make it snow"},
        "4f88c535a9353ff5a89af0e328a738c555b9048d7c0a72ce805ca88fff7e9933",
    ),
    (
        {"trainer": "adopted-flux-lora", "job_id": "j-1", "trigger_word": "ROBOX"},
        "60a65f9e211ea947a36725d1fa6b1d97e780afc7772146885a9e059849f19e36",
    ),
    (
        {"trainer": "adopted-bfl-finetune", "job_id": "j-1"},
        "21a3a30a86641675e97963f75f63012326d74d441a2fcdf5e64e136bc9126470",
    ),
]


@pytest.mark.parametrize(("document", "digest"), GOLDEN, ids=lambda part: str(part)[:40])
def test_recipes_of_version_0_1_keep_their_part_of_the_training_key(document: dict[str, Any], digest: str) -> None:
    # A changed digest makes every user pay for a new training of what is trained already.
    assert digest_of(recorded_recipe.validate_python(document).canonical()) == digest
