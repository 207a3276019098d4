from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from prefect.events.worker import EventsWorker
from prefect.settings import (
    PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)

from blocks.bfl_credentials import BflCredentials
from blocks.segmind_credentials import SegmindCredentials
from tests.conftest import SERVER_PYTHON, draw_images
from tests.flows.bill import Bill
from tests.flows.runs import request_for, sensor_paused
from tests.flows.shop import Shop
from tests.forge.running import fork_flow_runs, running_forge
from tests.waiting import relying_on
from tuneloop.demo.stack import Stack, running_stack
from tuneloop.emulator import EmulatorControl, Progress, running_emulator
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import open_store
from tuneloop.orchestration.credentials import SpendingGuard
from tuneloop.orchestration.stores import init_store

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="package")
def stack(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One installation for the whole folder: every test has a model and images of its own."""
    folder = tmp_path_factory.mktemp("installation")
    # A heartbeat would keep every run in this process for a second more; and this server wants no tokens.
    quick = temporary_settings(
        updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False}
    )
    with (
        chdir(pytestconfig.rootpath),
        running_stack(folder, "local", server_python=SERVER_PYTHON) as running,
        running_forge(folder, running.processes.environment) as python,
        relying_on(running.processes),
        quick,
    ):
        # Prefect's worker for events stays with the server that this process spoke to first, in other tests.
        EventsWorker.drain_all()
        os.environ["TUNELOOP_POLL_INTERVAL_S"] = "0.2"
        spend_freely("default")
        fork_flow_runs(python)
        yield running
        # Else whoever waits for all events to be sent waits minutes for a server that is gone.
        EventsWorker.drain_all()


@pytest.fixture(autouse=True)
def sends_events() -> None:
    """A command that ran in this process has switched its events off."""
    EventsWorker.set_client_override(None)


def spend_freely(name: str) -> None:
    """Lift an account's limits: a whole folder of tests trains more than a day should."""
    block = SegmindCredentials.load(name)
    assert isinstance(block, SegmindCredentials)
    block.spending = SpendingGuard(trainings_per_day=None)
    block.save(name, overwrite=True)


@pytest.fixture
def emulator(stack: Stack) -> EmulatorControl:
    """The installation's provider, in good order: a training is at its end when it is first looked at."""
    stack.emulator.clear_faults()
    stack.emulator.progress(Progress.at_once())
    return stack.emulator


@pytest.fixture
def bill(emulator: EmulatorControl) -> Bill:
    return Bill(emulator)


@pytest.fixture
def alone(stack: Stack) -> Iterator[None]:
    """Nobody else asks the provider: no tick looks after what other tests have left behind."""
    del stack
    with sensor_paused():
        yield


@pytest.fixture
def ledger(stack: Stack) -> Ledger:
    return Ledger(open_store(stack.store_slug))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return draw_images(tmp_path / "images", shade=next(_NUMBERS))


@pytest.fixture
def wish(images: Path, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Parameters of a run on images that no other test has."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())
    return request_for(words[:50].strip("-"), images)


@pytest.fixture
def bfl(tmp_path: Path, stack: Stack) -> Iterator[EmulatorControl]:
    """Another provider, with a credentials block `bfl-credentials/elsewhere`."""
    del stack
    with running_emulator("bfl", tmp_path / "bfl", progress=Progress.at_once()) as control:
        control.switch(image_s=0)
        BflCredentials(api_key=control.api_key, base_url=control.url).save("elsewhere", overwrite=True)
        yield control


@pytest.fixture
def comparison(wish: dict[str, Any], emulator: EmulatorControl, bfl: EmulatorControl) -> dict[str, Any]:
    """Parameters of a comparison of two providers' trainers, on accounts whose prices are known."""
    del bfl
    spending = SpendingGuard(trainings_per_day=None, dollars_per_training=4, dollars_per_image=0.05)
    block = SegmindCredentials(api_key=emulator.api_key, base_url=emulator.url, spending=spending)
    block.save("priced", overwrite=True)
    other = {"trainer": "bfl-finetune", "mode": "character", "trigger_word": "ROBOX"}
    return {
        "name": wish["model"],
        "model": wish["model"],
        "dataset": wish["dataset"],
        "recipes": [
            {"recipe": wish["recipe"], "credentials": "segmind-credentials/priced"},
            {"recipe": other, "credentials": "bfl-credentials/elsewhere"},
        ],
        "budget": 50,
        "prompts": ["a photo of {trigger}", "{trigger} on a beach"],
        "seeds": [1],
        "gate": {"max_copies": 2},
    }


@pytest.fixture
def shop(tmp_path: Path, emulator: EmulatorControl, wish: dict[str, Any]) -> Shop:
    """One that was made as it should be, and has trained nothing yet."""
    name = f"shop-{next(_NUMBERS)}"
    made = Shop(name, tmp_path / "store", {**wish, "store": f"local-file-system/{name}"})
    made.wish["credentials"] = made.credentials
    made.folder.mkdir()
    made.is_at(made.folder)
    made.account_is_at(emulator.url, emulator.api_key)
    assert f"{made.store}: made store" in init_store(made.store)
    return made
