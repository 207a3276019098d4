"""The commands that look before one pays, and the one that takes in what was paid elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flows.bill import Bill
from tests.flows.runs import here, run_of, tags_of
from tests.flows.test_bad_input import records
from tests.forge.modules import QUICK_PYTHON
from tests.waiting import LIMIT_S
from tuneloop.clock import Deadline
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Progress
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import open_provider
from tuneloop.providers.base import Provider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe

EVERYTHING = ("",)


def tuneloop(stack: Stack, *arguments: str, fresh: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own: a forked one, or a fresh one as a person starts it."""
    python = sys.executable if fresh else stack.folder / QUICK_PYTHON
    return subprocess.run(
        [python, "-m", "tuneloop.cli.app", *arguments],
        env={**stack.processes.environment, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


def file_for(wish: dict[str, Any], folder: Path, credentials: str) -> Path:
    path = folder / "model.yaml"
    entry = {
        "name": wish["model"],
        "entrypoint": "flows/retrain_model.py:retrain_model",
        "work_pool": {"name": "tuneloop"},
        "parameters": {**wish, "credentials": credentials},
    }
    path.write_text(yaml.safe_dump({"deployments": [entry]}))
    return path


@pytest.mark.usefixtures("alone")
def test_plan_tells_what_would_be_paid_and_leaves_no_trace_anywhere(
    stack: Stack, wish: dict[str, Any], bill: Bill, ledger: Ledger, tmp_path: Path, images: Path
) -> None:
    file = file_for(wish, tmp_path, stack.credentials_slug)
    before = records(ledger, *EVERYTHING)
    done = tuneloop(stack, "plan", str(file), "--json")
    assert done.returncode == 0, done.stderr
    (plan,) = json.loads(done.stdout)
    assert (plan["action"], plan["images"], plan["cents"]) == ("train", 3, None)
    assert "the model has no champion yet" in plan["reasons"]
    assert (bill.paths, records(ledger, *EVERYTHING)) == ([], before)

    assert here(wish).name == "Completed"
    (plan,) = json.loads(tuneloop(stack, "plan", str(file), "--json").stdout)
    assert (plan["action"], plan["cents"]) == ("nothing", 0)
    assert plan["cents_per_image"] is None  # Segmind publishes none

    (images / "0.txt").write_text("a robot from the left")
    (images / "1.png").unlink()
    bill.clear()
    before = records(ledger, *EVERYTHING)
    shown = tuneloop(stack, "plan", str(file)).stdout
    (plan,) = json.loads(tuneloop(stack, "plan", str(file), "--json").stdout)
    assert plan["action"] == "train"
    assert plan["difference"] == {
        "added": [],
        "removed": ["1.png"],
        "captions_changed": ["0.png"],
        "pairs_changed": False,
    }
    assert "dataset: 1 image removed, 1 caption changed, compared with champion v1" in plan["reasons"]
    assert "1.png" in shown
    assert (bill.paths, records(ledger, *EVERYTHING)) == ([], before)


@pytest.mark.usefixtures("alone")
def test_dry_run_says_so_and_leaves_no_trace_in_store_or_at_the_provider(
    wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    before = records(ledger, *EVERYTHING)
    state = here({**wish, "dry_run": True})
    assert state.name == "Completed"
    assert "Dry run, nothing was written or sent" in (state.message or "")
    assert "would be submitted to segmind.default" in (state.message or "")
    assert tags_of(run_of(state)) == {"dry-run"}, "the list of runs tells it from a real one"
    assert (bill.paths, records(ledger, *EVERYTHING)) == ([], before)


def test_unusable_images_are_named_by_the_plan_too(
    stack: Stack, wish: dict[str, Any], tmp_path: Path, images: Path
) -> None:
    (images / "0.png").write_bytes(b"no image")
    done = tuneloop(stack, "plan", str(file_for(wish, tmp_path, stack.credentials_slug)))
    assert done.returncode == 2
    assert "0.png" in done.stderr


def submit_elsewhere(provider: Provider, recipe: FluxLoraRecipe, archive: DatasetArchive, name: str) -> str:
    """Train without Tuneloop's ledger."""
    return provider.submit(name, recipe, provider.deliver("a-name", archive), Deadline(60)).job_id


def test_job_with_a_name_of_ours_that_no_record_knows_is_shown_and_taken_in(
    stack: Stack, emulator: EmulatorControl, recipe: FluxLoraRecipe, archive: DatasetArchive, ledger: Ledger
) -> None:
    emulator.progress(Progress.at_once())
    provider = open_provider(stack.credentials_slug)
    job_id = submit_elsewhere(provider, recipe, archive, "0123456789abcdef-g1")
    done = tuneloop(stack, "status", "--credentials", stack.credentials_slug)
    assert done.returncode == 1
    assert "Not tracked" in done.stdout
    assert job_id in done.stdout

    orders = [entry for entry in emulator.billing() if entry.kind == "training"]
    adopted = tuneloop(
        stack, "adopt", "taken-in", "--provider", "segmind", "--job-id", job_id, "--trigger-word", "ROBOX"
    )
    assert adopted.returncode == 0, adopted.stdout + adopted.stderr
    assert [entry for entry in emulator.billing() if entry.kind == "training"] == orders
    champion = ledger.champion("taken-in")
    assert champion is not None
    assert (champion.number, champion.job_id, champion.trigger_word) == (1, job_id, "ROBOX")
    assert champion.weights is not None
    assert ledger.store.describe(champion.weights).sha256 == champion.sha256
    assert job_id not in tuneloop(stack, "status", "--credentials", stack.credentials_slug).stdout
    again = tuneloop(stack, "adopt", "taken-in", "--job-id", job_id, "--trigger-word", "ROBOX")
    assert again.returncode == 0
    assert len(ledger.promotions("taken-in")) == 1


def test_adopting_what_is_not_there_or_not_ready_says_so(
    stack: Stack, emulator: EmulatorControl, recipe: FluxLoraRecipe, archive: DatasetArchive, ledger: Ledger
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    job_id = submit_elsewhere(open_provider(stack.credentials_slug), recipe, archive, "made-elsewhere")
    early = tuneloop(stack, "adopt", "too-early", "--job-id", job_id)
    assert early.returncode == 1
    assert "only one that is ready to render can be adopted" in early.stderr
    absent = tuneloop(stack, "adopt", "too-early", "--job-id", "nobody")
    assert absent.returncode == 2
    assert "has no fine-tune nobody" in absent.stderr
    assert ledger.champion("too-early") is None


@pytest.mark.usefixtures("emulator")
def test_status_shows_what_each_model_has_spent(stack: Stack, wish: dict[str, Any]) -> None:
    assert here(wish).name == "Completed"
    done = tuneloop(stack, "status", "--credentials", stack.credentials_slug)
    assert wish["model"][:30] in done.stdout
    assert "trainings today (no limit)" in done.stdout
