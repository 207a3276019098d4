"""What `tuneloop deploy` deploys, deletes and leaves alone, on a real server."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.filesystems import LocalFileSystem

from blocks.segmind_credentials import SegmindCredentials
from tests.forge.modules import QUICK_PYTHON
from tests.waiting import LIMIT_S
from tuneloop.demo.stack import Stack
from tuneloop.orchestration.deployment_files import SAMPLE, deployment_files

_NUMBERS = itertools.count(1)
NIGHTLY = {"cron": "0 3 * * *", "timezone": "Etc/UTC", "slug": "nightly"}
WEEKLY = {"cron": "0 4 * * 0", "timezone": "Etc/UTC", "slug": "weekly"}


class Checkout:
    """A checkout of one test's own, with an operator's deployment and models of its own."""

    def __init__(self, folder: Path, root: Path, stack: Stack) -> None:
        self.folder, self.stack, self.number = folder, stack, next(_NUMBERS)
        folder.mkdir()
        for name in ("flows", "blocks", "tuneloop"):
            (folder / name).symlink_to(root / name)
        (folder / "deployments").mkdir()
        operator = {
            "name": f"operator-{self.number}",
            "entrypoint": "flows/rollback_model.py:rollback_model",
            "work_pool": {"name": "tuneloop"},
        }
        (folder / "prefect.yaml").write_text(yaml.safe_dump({"deployments": [operator]}))

    def name_of(self, model: str) -> str:
        return f"{model}-{self.number}"

    def has(self, model: str, *schedules: dict[str, Any], **changes: Any) -> Path:
        """Write a model's file."""
        values = yaml.safe_load(SAMPLE.read_text())["deployments"][0]
        parameters = {**values["parameters"], "model": model, **changes}
        entry = {**values, "name": self.name_of(model), "schedules": [*schedules], "parameters": parameters}
        file = self.folder / "deployments" / f"{model}.yaml"
        file.write_text(yaml.safe_dump({"deployments": [entry]}))
        return file

    def deploy(self, *options: str, code: int = 0) -> str:
        """Run `tuneloop deploy`. Returns what it says."""
        done = subprocess.run(
            [self.stack.folder / QUICK_PYTHON, "-m", "tuneloop.cli.app", "deploy", *options],
            env=self.stack.processes.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert code or not done.stderr
        return done.stdout + done.stderr

    def deployed(self, model: str) -> DeploymentResponse | None:
        with get_client(sync_client=True) as client:
            try:
                return client.read_deployment_by_name(f"retrain-model/{self.name_of(model)}")
            except ObjectNotFound:
                return None


@pytest.fixture
def checkout(tmp_path: Path, pytestconfig: pytest.Config, stack: Stack) -> Checkout:
    return Checkout(tmp_path / "checkout", pytestconfig.rootpath, stack)


def active(deployment: DeploymentResponse | None) -> dict[str | None, bool]:
    assert deployment is not None
    return {schedule.slug: schedule.active for schedule in deployment.schedules}


@pytest.mark.long
def test_what_is_in_no_file_any_more_is_deleted_and_named(checkout: Checkout) -> None:
    file = checkout.has("gone", NIGHTLY)
    checkout.has("stays", NIGHTLY, WEEKLY)
    checkout.deploy()
    file.unlink()
    checkout.has("stays", NIGHTLY)
    gone, stays = checkout.name_of("gone"), checkout.name_of("stays")

    told = checkout.deploy("--keep")
    assert (
        f"deployment {gone} (flows/retrain_model.py:retrain_model) is no longer in any file, and is kept" in told
    )
    assert f"schedule weekly of {stays} is no longer in any file, and is kept" in told
    assert checkout.deployed("gone") is not None
    assert active(checkout.deployed("stays")) == {"nightly": True, "weekly": True}

    told = checkout.deploy()
    assert f"deployment {gone} (flows/retrain_model.py:retrain_model) is no longer in any file, and was" in told
    assert f"schedule weekly of {stays} is no longer in any file, and was deleted" in told
    assert checkout.deployed("gone") is None
    assert active(checkout.deployed("stays")) == {"nightly": True}
    assert "no file" not in checkout.deploy()


def test_what_others_have_deployed_is_left_alone(checkout: Checkout, tmp_path: Path, stack: Stack) -> None:
    checkout.has("robot")
    other = Checkout(tmp_path / "other", Path(__file__).parent.parent.parent, stack)
    other.has("theirs")
    checkout.deploy()
    other.deploy()
    with get_client(sync_client=True) as client:
        mine = checkout.deployed("robot")
        assert mine is not None
        copy_in_the_ui = _copied(client, mine, checkout.name_of("copied"), mine.tags)
        by_hand = _copied(client, mine, checkout.name_of("by-hand"), [])
        assert "no file" not in checkout.deploy()
        assert {client.read_deployment(found).id for found in (copy_in_the_ui, by_hand)}
    assert other.deployed("theirs") is not None


def _copied(client: SyncPrefectClient, one: DeploymentResponse, name: str, tags: list[str]) -> Any:
    return client.create_deployment(
        one.flow_id, name, tags=tags, entrypoint=one.entrypoint, pull_steps=one.pull_steps
    )


def test_pause_that_was_made_in_the_ui_stays_unless_the_file_says_otherwise(checkout: Checkout) -> None:
    checkout.has("resting", NIGHTLY)
    checkout.has("partly", NIGHTLY, WEEKLY, {"interval": 3600})
    checkout.has("told", {**NIGHTLY, "active": True})
    checkout.deploy()
    with get_client(sync_client=True) as client:
        resting, partly, told = (checkout.deployed(name) for name in ("resting", "partly", "told"))
        assert resting is not None and partly is not None and told is not None  # noqa: PT018 - for mypy
        client.pause_deployment(resting.id)
        for schedule in (*partly.schedules, *told.schedules):
            if schedule.slug != "weekly":
                client.update_deployment_schedule(
                    partly.id if schedule in partly.schedules else told.id, schedule.id, active=False
                )
    said = checkout.deploy()
    assert f"{checkout.name_of('resting')} stays paused" in said
    assert f"{checkout.name_of('partly')}: schedule nightly stays paused" in said
    again = checkout.deployed("resting")
    assert again is not None
    assert again.paused
    assert active(checkout.deployed("partly")) == {"nightly": False, "weekly": True, None: False}
    assert active(checkout.deployed("told")) == {"nightly": True}


def test_deployment_waits_until_its_blocks_are_there(checkout: Checkout) -> None:
    store = f"later-{checkout.number}"
    blocks = {"store": f"local-file-system/{store}", "credentials": f"segmind-credentials/{store}"}
    checkout.has("robot", NIGHTLY, **blocks)
    said = checkout.deploy()
    assert f"{checkout.name_of('robot')} is not deployed yet: block local-file-system/{store} not found" in said
    assert f"block segmind-credentials/{store} not found" in said
    assert "Then run `tuneloop deploy` again" in said
    assert checkout.deployed("robot") is None

    folder = checkout.folder / "store"
    folder.mkdir()
    LocalFileSystem(basepath=str(folder)).save(store)
    emulator = checkout.stack.emulator
    SegmindCredentials(api_key=emulator.api_key, base_url=emulator.url).save(store)
    said = checkout.deploy()
    assert f"deployed deployments/robot.yaml: {checkout.name_of('robot')}" in said
    assert active(checkout.deployed("robot")) == {"nightly": True}


def test_deployment_of_another_project_is_not_replaced(checkout: Checkout, tmp_path: Path) -> None:
    checkout.has("robot")
    checkout.deploy()
    other = Checkout(tmp_path / "other", Path(__file__).parent.parent.parent, checkout.stack)
    (other.folder / "deployments" / "robot.yaml").write_bytes(
        (checkout.folder / "deployments" / "robot.yaml").read_bytes()
    )
    said = other.deploy(code=2)
    assert f"{checkout.name_of('robot')} is deployed from the project in {checkout.folder} already" in said


def test_two_files_with_one_name_are_refused(checkout: Checkout) -> None:
    file = checkout.has("robot")
    (file.parent / "copy.yaml").write_bytes(file.read_bytes())
    said = checkout.deploy(code=2)
    name = checkout.name_of("robot")
    assert f"deployments/robot.yaml: {name} is in deployments/copy.yaml already; give one of them" in said
    assert checkout.deployed("robot") is None


def test_sample_is_an_example_that_is_not_deployed(pytestconfig: pytest.Config) -> None:
    assert (pytestconfig.rootpath / SAMPLE).is_file()
    assert SAMPLE not in deployment_files(Path())
