from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulator.segmind_caller import Caller
from tests.emulator.webhook_receiver import Receiver, receiving
from tuneloop.emulator import EmulatorControl, Progress, running_emulator


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator("segmind", tmp_path, progress=Progress.at_once()) as control:
        yield control


@pytest.fixture
def caller(emulator: EmulatorControl) -> Caller:
    return Caller(emulator)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def bfl(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator("bfl", tmp_path, progress=Progress.at_once()) as control:
        control.switch(image_s=0)
        yield control


@pytest.fixture
def fal(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator("fal", tmp_path, progress=Progress.at_once()) as control:
        control.switch(image_s=0)
        yield control
