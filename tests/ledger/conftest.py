from __future__ import annotations

import pytest

from tests.ledger.bent import BentProvider
from tuneloop.dataset.pack import DatasetArchive
from tuneloop.emulator import EmulatorControl
from tuneloop.submission import Order
from tuneloop.values.records import RunFile
from tuneloop.values.segmind_recipes import FluxLoraRecipe
from tuneloop.values.spending import Limits


@pytest.fixture
def bent(emulator: EmulatorControl) -> BentProvider:
    return BentProvider(emulator.api_key, base_url=emulator.url)


@pytest.fixture
def order(run: RunFile, recipe: FluxLoraRecipe, archive: DatasetArchive, bent: BentProvider) -> Order:
    return Order(run, recipe, bent.upload(archive), archive, Limits())
