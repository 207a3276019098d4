from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import draw_images
from tests.contract.conftest import recipe_named
from tests.datasets.scanning import scan
from tests.webhooks.world import World
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.store import store_images
from tuneloop.emulator import Progress, running_emulator
from tuneloop.ledger.ledger import Ledger
from tuneloop.storage.local import LocalDirectory


@pytest.fixture(params=["flux-lora", "bfl-finetune"])
def world(request: pytest.FixtureRequest, tmp_path: Path, artifacts: LocalDirectory) -> Iterator[World]:
    """A world of each provider, in which trainings go on until they are told to end."""
    recipe = recipe_named(request.param)
    rule = CaptionRule(
        trigger_word=recipe.trigger,
        instance_prompt=recipe.default_caption,
        provider_captions=recipe.provider_captions,
    )
    scanned = scan(draw_images(tmp_path / "images"), rule)
    store_images(scanned.manifest, scanned.files, artifacts)
    endless = Progress.after_seconds(3600)
    with running_emulator(recipe.provider, tmp_path / "emulator", progress=endless) as control:
        yield World(control, recipe, DatasetArchive(scanned.manifest, artifacts), Ledger(artifacts))


only_segmind = pytest.mark.parametrize("world", ["flux-lora"], indirect=True)
only_bfl = pytest.mark.parametrize("world", ["bfl-finetune"], indirect=True)
