from __future__ import annotations

import pytest

from tests.ledger.bent import BentProvider
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl
from tuneloop.ledger.submission import SubmitRequest
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.spending import SpendingLimits


@pytest.fixture
def bent(emulator: EmulatorControl) -> BentProvider:
    return BentProvider(emulator.api_key, base_url=emulator.url)


@pytest.fixture
def order(run: RunRecord, recipe: FluxLoraRecipe, archive: DatasetArchive, bent: BentProvider) -> SubmitRequest:
    return SubmitRequest(run, recipe, bent.deliver("a-name", archive), SpendingLimits())
