from __future__ import annotations

import io
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from PIL import Image
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.datasets.scanning import scan
from tests.waiting import last_lines
from tuneloop.clock import now
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.store import store_images
from tuneloop.emulator import EmulatorControl, Progress, running_emulator
from tuneloop.ledger.ledger import Ledger
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.training import TrainingIdentity
from tuneloop.storage.local import LocalDirectory

SERVER_PYTHON = os.environ.get("SERVER_PYTHON", sys.executable)
"""Interpreter of the Prefect server: `make test-prefect38` tries a server of another minor version."""
TOGETHER = ("flows", "crash", "browser", "demo", "project", "webhooks")
"""Folders whose tests share what takes long to start, such as a Prefect server and a worker. The longest first."""
FLOWS_INSTALLATIONS = 3
"""Their tests mostly wait for runs, so that more of them go on at a time than a machine has processors."""


class ByInstallation(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out tests to processes: what shares an installation to the same one, else a file at a time."""

    def _split_scope(self, nodeid: str) -> str:
        file, folder = nodeid.partition("::")[0], _folder_of(nodeid)
        if folder == "flows":
            return f"flows-{len(file) % FLOWS_INSTALLATIONS}"
        return folder if folder in TOGETHER else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByInstallation:
    return ByInstallation(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let long folders begin, so that all processes end at about the same time."""
    items.sort(key=lambda item: (*TOGETHER, _folder_of(item.nodeid)).index(_folder_of(item.nodeid)))


def _folder_of(nodeid: str) -> str:
    return nodeid.split("/")[1]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the programs have written last on which the test relied."""
    report = yield
    if report.failed and (lines := last_lines()):
        report.sections.append(("last lines of the programs", lines))
    return report


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorControl]:
    with running_emulator("segmind", tmp_path / "emulator", progress=Progress.at_once()) as control:
        yield control


@pytest.fixture
def provider(emulator: EmulatorControl) -> SegmindProvider:
    return SegmindProvider(emulator.api_key, base_url=emulator.url)


@pytest.fixture
def artifacts(tmp_path: Path) -> LocalDirectory:
    folder = tmp_path / "artifacts"
    folder.mkdir()
    return LocalDirectory(folder)


@pytest.fixture
def ledger(artifacts: LocalDirectory) -> Ledger:
    return Ledger(artifacts)


@pytest.fixture
def recipe() -> FluxLoraRecipe:
    return FluxLoraRecipe(instance_prompt="a photo of ROBOX", trigger_word="ROBOX")


def draw_images(folder: Path, count: int = 3, *, shade: int = 0) -> Path:
    """Small images, each of its own, in a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image = Image.new("RGB", (64, 64), (40 * number, 90, shade))
        image.paste((250, 200, 10 * number), (8, 8, 30 + number, 30))
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        (folder / f"{number}.png").write_bytes(buffer.getvalue())
    return folder


@pytest.fixture
def manifest(tmp_path: Path, artifacts: LocalDirectory, recipe: FluxLoraRecipe) -> DatasetManifest:
    rule = CaptionRule(
        trigger_word=recipe.trigger_word, instance_prompt=recipe.instance_prompt, provider_captions=False
    )
    scanned = scan(draw_images(tmp_path / "images"), rule)
    store_images(scanned.manifest, scanned.files, artifacts)
    return scanned.manifest


@pytest.fixture
def archive(manifest: DatasetManifest, artifacts: LocalDirectory) -> DatasetArchive:
    return DatasetArchive(manifest, artifacts)


@pytest.fixture
def run(provider: SegmindProvider, manifest: DatasetManifest, recipe: FluxLoraRecipe) -> RunRecord:
    digest = manifest.digest
    identity = TrainingIdentity(dataset_digest=digest, recipe=recipe.canonical(), account=provider.account)
    return RunRecord(
        created_at=now(),
        flow_run="11111111-1111-1111-1111-111111111111",
        model="robot",
        key=identity.key,
        attempt=1,
        dataset_digest=digest,
        recipe=recipe.model_dump(mode="json"),
        plan=EvaluationConfig(),
        account=provider.account,
        credentials="segmind-credentials/default",
        store="local-file-system/test",
    )
