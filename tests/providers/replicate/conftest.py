"""An emulated Replicate, our client of it, and a plain caller beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulator.replicate_caller import ReplicateCaller
from tuneloop.emulator import EmulatorControl, Progress, running_emulator
from tuneloop.providers.replicate.client import ReplicateProvider


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator("replicate", tmp_path / "emulator", progress=Progress.at_once()) as control:
        yield control


@pytest.fixture
def provider(emulator: EmulatorControl) -> ReplicateProvider:
    return ReplicateProvider(emulator.api_key, base_url=emulator.url)


@pytest.fixture
def caller(emulator: EmulatorControl) -> ReplicateCaller:
    return ReplicateCaller(emulator)
