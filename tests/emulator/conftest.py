from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulator.segmind_caller import Caller
from tuneloop.emulator import EmulatorControl, Progress, running_emulator


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator("segmind", tmp_path, progress=Progress.at_once()) as control:
        yield control


@pytest.fixture
def caller(emulator: EmulatorControl) -> Caller:
    return Caller(emulator)
