"""Every row of fal's trainers: what it sends, what it costs, and that it trains and renders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import draw_images
from tests.contract.conftest import draw_pairs, recipe_named
from tests.datasets.scanning import scan
from tests.wire.exchanges import exchanges
from tuneloop.clock import Deadline
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.store import store_images
from tuneloop.emulator import EmulatorControl, Progress, running_emulator
from tuneloop.providers.base import TrainedModel
from tuneloop.providers.fal import services
from tuneloop.providers.fal.client import FalProvider
from tuneloop.providers.fal.recipes import RECIPES, FalRecipe, price_of, recipe_of
from tuneloop.providers.fal.trainer import Rate, StepPrice, Steps, Trainer
from tuneloop.schemas.recipe_fields import trainer_of
from tuneloop.schemas.recipe_form import from_form
from tuneloop.schemas.training import Submission
from tuneloop.storage.local import LocalDirectory

NAMES = [trainer_of(recipe) for recipe in RECIPES]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorControl]:
    with running_emulator("fal", tmp_path_factory.mktemp("fal"), progress=Progress.at_once()) as control:
        control.switch(image_s=0)
        yield control


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, tuple[DatasetArchive, bytes | None]]:
    """By whether it is made of pairs, the dataset and an image to edit."""
    folder = tmp_path_factory.mktemp("datasets")
    (folder / "store").mkdir()
    store = LocalDirectory(folder / "store")
    found: dict[bool, tuple[DatasetArchive, bytes | None]] = {}
    for pairs in (False, True):
        images = draw_pairs(folder) if pairs else draw_images(folder / "images")
        rule = CaptionRule(trigger_word=None, instance_prompt="a photo of ROBOX", provider_captions=False)
        scanned = scan(images, rule, pairs=pairs)
        store_images(scanned.manifest, scanned.files, store)
        edited = next(images.glob("*_start.png")).read_bytes() if pairs else None
        found[pairs] = DatasetArchive(scanned.manifest, store), edited
    return found


@pytest.mark.parametrize("name", NAMES)
def test_trainer_takes_what_its_row_sends_and_its_weights_render(
    name: str, emulator: EmulatorControl, datasets: dict[bool, tuple[DatasetArchive, bytes | None]]
) -> None:
    provider, recipe = FalProvider(emulator.api_key, base_url=emulator.url), recipe_named(name)
    archive, image = datasets[recipe.edit_pairs]
    job_name = f"{NAMES.index(name):016x}-g1"
    provider.prepare(job_name, recipe)
    job = provider.submit(job_name, recipe, provider.deliver(job_name, archive), Deadline(60))
    status = provider.get_job(job)
    assert (status.phase, status.name, status.error_message) == ("ready", job_name, None)
    (found,) = provider.find(job_name.removesuffix("-g1")).jobs
    assert (found.job_id, found.phase) == (job.job_id, "ready")
    assert provider.get_job(Submission.of(found)).phase == "ready"
    with provider.open_weights(job)[0].read(0, None) as chunks:
        assert sum(map(len, chunks)) > 0
    for service in recipe.services:
        assert provider.render(TrainedModel(job), "ROBOX in the rain", 7, service(), image).data


@pytest.mark.parametrize("name", NAMES)
def test_row_sends_the_documented_inputs(name: str) -> None:
    recipe = recipe_named(name)
    assert isinstance(recipe, FalRecipe)
    (documented,) = [
        each for each in exchanges("fal") if each.request.path == f"/{recipe.row.endpoint}" and _trains(each)
    ]
    sent = {**recipe.sent_fields(), recipe.row.zip_field: "address"}
    assert sent.keys() == documented.request.body.keys()


def _trains(documented: Any) -> bool:
    return documented.response.status == 200 and "training" in documented.name


def test_form_and_files_may_use_fals_names_for_what_every_recipe_calls_the_same() -> None:
    given = {"trainer": "fal-krea-3-lora", "trigger_phrase": "ROBOX", "number_of_steps": 500}
    same = {"trainer": "fal-krea-3-lora", "trigger_word": "ROBOX", "steps": 500}
    krea = RECIPES[NAMES.index("fal-krea-3-lora")]
    assert krea.model_validate(from_form(given, {"fal-krea-3-lora": krea})) == krea.model_validate(same)


def test_images_without_a_caption_are_left_to_the_trainer_only_where_it_can_do_something_about_them() -> None:
    left = {name: recipe_named(name, instance_prompt=None).provider_captions for name in NAMES}
    helps = {
        "fal-flux-lora",
        "fal-flux-portrait-lora",
        "fal-turbo-flux-lora",
        "fal-krea-3-lora",
        "fal-flux-3-klein-lora",
    }
    assert {name for name, is_left in left.items() if is_left} == helps
    assert not recipe_named("fal-flux-lora").provider_captions
    assert not recipe_named("fal-krea-3-lora", instance_prompt=None, trigger_word=None).provider_captions
    demanded = {name for name in NAMES if recipe_named(name).profile.captions_required}
    assert demanded == set(NAMES) - helps


NEW = Trainer(
    recipe="fal-new-lora",
    endpoint="fal-ai/new-trainer",
    title="a new LoRA",
    service=services.FLUX_LORA,
    zip_field="zip_url",
    steps=Steps(300, 100, 900, multiple=100, wire_name="max_steps"),
    price=StepPrice(0.333, least_steps=200),
    rate=Rate(1e-4),
    trigger_field="token",
)


def test_one_more_trainer_is_one_row() -> None:
    kind = recipe_of(NEW)
    recipe = kind.model_validate(from_form({"trainer": "fal-new-lora", "token": "ROBOX"}, {"fal-new-lora": kind}))
    assert recipe.sent_fields() == {"token": "ROBOX", "max_steps": 300, "learning_rate": 1e-4}
    assert (trainer_of(kind), kind.services) == ("fal-new-lora", (services.FLUX_LORA,))
    with pytest.raises(ValueError, match="multiple of 100"):
        kind.model_validate({"steps": 150})
    price = price_of(recipe)
    assert price is not None
    assert price.cents == 100
    least = price_of(kind.model_validate({"steps": 100}))
    assert least is not None
    assert least.cents == 67


@pytest.mark.parametrize(
    ("name", "fields", "cents"),
    [
        ("fal-flux-lora", {}, 200),
        ("fal-kontext-lora", {"steps": 100}, 125),
        ("fal-flux-2-lora", {"steps": 2000}, 1280),
        ("fal-qwen-lora", {}, 150),
        ("fal-krea-3-lora", {"resolution": 1536}, 900),
        ("fal-krea-3-lora", {"resolution": 2048}, None),
        ("fal-klein-lora", {}, None),
    ],
)
def test_price_is_the_one_of_the_page(name: str, fields: dict[str, Any], cents: int | None) -> None:
    recipe = recipe_named(name, **fields)
    assert isinstance(recipe, FalRecipe)
    price = price_of(recipe)
    assert (price and price.cents) == cents


@pytest.mark.parametrize(
    ("fields", "cents"),
    [({}, 500), ({"resolution": 1536}, 1125), ({"resolution": 2048}, None), ({"steps": 50}, 50)],
    ids=["base", "as much dearer as on the page", "not on the page", "fewest steps"],
)
def test_price_of_the_platform_is_the_one_of_the_base_resolution(
    fields: dict[str, Any], cents: int | None
) -> None:
    recipe = recipe_named("fal-krea-3-lora", **fields)
    assert isinstance(recipe, FalRecipe)
    price = price_of(recipe, 0.5)
    assert (price and price.cents) == cents


def test_price_has_no_further_cent_from_floating_point() -> None:
    recipe = recipe_named("fal-flux-lora", steps=1000)
    assert isinstance(recipe, FalRecipe)
    price = price_of(recipe, 0.007 * 100)
    assert 1000 * (0.007 * 100) > 700
    assert price is not None
    assert price.cents == 700
