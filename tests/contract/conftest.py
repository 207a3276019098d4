from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from tests.conftest import draw_images
from tests.contract.rig import CLIENTS, KEY_VARIABLES, Rig
from tests.datasets.scanning import scan
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.store import store_images
from tuneloop.emulator import Progress, running_emulator
from tuneloop.providers.registry import PROVIDERS, TRAINERS, ProviderRow, Recipe
from tuneloop.schemas.recipe_fields import BaseRecipe, trainer_of
from tuneloop.storage.local import LocalDirectory

RECIPES = {name: recipe.example_for("ROBOX") for name, recipe in TRAINERS.items()}
MANY = 4
"""Trainers of one provider that are more are rows of a table, and share all of their code."""
LIVE = os.environ.get("LIVE")


def recipe_named(name: str, **more: Any) -> BaseRecipe:
    adapter: TypeAdapter[BaseRecipe] = TypeAdapter(Recipe)
    return adapter.validate_python({"trainer": name, **RECIPES[name], **more})


def in_full(row: ProviderRow) -> list[str]:
    """Trainers that meet the whole contract: all, or of a table its first for images and its first for pairs."""
    if len(row.recipes) <= MANY:
        return [trainer_of(recipe) for recipe in row.recipes]
    return [trainer_of(next(r for r in row.recipes if r.edit_pairs is pairs)) for pairs in (False, True)]


@pytest.fixture(params=[name for row in PROVIDERS for name in in_full(row)])
def rig(request: pytest.FixtureRequest, tmp_path: Path, artifacts: LocalDirectory) -> Iterator[Rig]:
    recipe = recipe_named(request.param)
    folder = draw_pairs(tmp_path) if recipe.edit_pairs else draw_images(tmp_path / "images")
    rule = CaptionRule(
        trigger_word=recipe.trigger,
        instance_prompt=recipe.default_caption,
        provider_captions=recipe.provider_captions,
    )
    scanned = scan(folder, rule, pairs=recipe.edit_pairs)
    store_images(scanned.manifest, scanned.files, artifacts)
    archive = DatasetArchive(scanned.manifest, artifacts)
    image = next(folder.glob("*_start.png")).read_bytes() if recipe.edit_pairs else None
    client = CLIENTS[recipe.provider]
    if LIVE:
        if LIVE not in KEY_VARIABLES:
            pytest.skip(f"name a real provider: LIVE={' or LIVE='.join(KEY_VARIABLES)}, with its API key")
        if recipe.provider != LIVE:
            pytest.skip(f"LIVE={LIVE} asks for another provider than {recipe.provider}")
        if request.node.get_closest_marker("pays") and os.environ.get("LIVE_PAYS") != "yes":
            pytest.skip("costs money; set LIVE_PAYS=yes to pay for it")
        key = os.environ.get(KEY_VARIABLES[LIVE])
        if not key:
            pytest.skip(f"LIVE={LIVE} needs an API key in {KEY_VARIABLES[LIVE]}")
        yield prepared(Rig(request.param, client(key), client("no-key"), recipe, archive, image, None))
        return
    with running_emulator(recipe.provider, tmp_path / "emulator", progress=Progress.at_once()) as control:
        yield prepared(
            Rig(
                request.param,
                client(control.api_key, base_url=control.url),
                client("no-key", base_url=control.url),
                recipe,
                archive,
                image,
                control,
            )
        )


def prepared(rig: Rig) -> Rig:
    """The same, with what a submit needs in place: a flow prepares it before each one."""
    rig.provider.prepare("0123456789abcdef-g1", rig.recipe)
    return rig


def draw_pairs(tmp_path: Path) -> Path:
    folder = tmp_path / "pairs"
    for half, shade in (("start", 30), ("end", 200)):
        for number, file in enumerate(sorted(draw_images(tmp_path / half, shade=shade).iterdir())):
            folder.mkdir(exist_ok=True)
            (folder / f"{number + 1:02d}_{half}.png").write_bytes(file.read_bytes())
    (folder / "01.txt").write_text("a hat")
    return folder
