"""A champion is rolled back, on the command line and in the UI; looked at, pulled and asked for an image."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.events.filters import EventFilter, EventNameFilter

from tests.flows.bill import Bill
from tests.flows.runs import here, start, wait_for
from tests.flows.test_commands import tuneloop
from tests.flows.test_unchanged import decision, trained
from tests.flows.test_what_a_run_leaves import secrets_in
from tests.waiting import wait_until
from tuneloop.demo.stack import Stack
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import Promotion

ROLLBACK = "rollback-model/rollback"


def told(model: str) -> list[dict[str, Any]]:
    """The rollbacks of a model that automations can hang on."""
    which = EventFilter(event=EventNameFilter(name=["tuneloop.model.rolled-back"]))
    with get_client(sync_client=True) as client:
        found = client.read_events(which, limit=50).events
    return [event.payload for event in found if event.resource.id == f"tuneloop.model.{model}"]


def reigning(ledger: Ledger, model: str) -> Promotion:
    champion = ledger.champion(model)
    assert champion is not None
    return champion


@pytest.fixture
def two_champions(wish: dict[str, Any], images: Path, ledger: Ledger) -> str:
    """A model whose second champion is in use; the run's parameters are those that made it."""
    trained(wish, ledger)
    (images / "0.txt").write_text("ROBOX waves at the sea")
    trained(wish, ledger)
    return str(wish["model"])


@pytest.mark.usefixtures("emulator")
def test_model_that_a_person_rolls_back_stays_back_until_a_new_one_beats_it(
    stack: Stack, two_champions: str, wish: dict[str, Any], bill: Bill, images: Path, ledger: Ledger
) -> None:
    model = two_champions
    first, bad = ledger.promotions(model)
    bill.clear()
    run = start({"model": model, "version": 1, "reason": "six | fingers", "store": stack.store_slug}, ROLLBACK)
    message = wait_for(run, "Completed").message or ""
    assert "champion is v3" in message
    third = reigning(ledger, model)
    assert (third.key, third.rolled_back_to, third.reason) == (first.key, 1, "six | fingers")
    wait_until("the server knows of it", lambda: len(told(model)) == 1)
    (event,) = told(model)
    assert (event["to"], event["reason"]) == (1, "six | fingers")
    with get_client(sync_client=True) as client:
        (page,) = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
        )
    now, _, before = str(page.data).partition("it replaces")
    assert f"{first.key[:16]}-g1" in now
    assert f"{bad.key[:16]}-g1" in before
    assert "six \\| fingers" in before

    nightly = here(wish)
    assert nightly.name == "Cached"
    assert "champion is v3 (rolled back to v1 by a person: six | fingers)" in (nightly.message or "")
    assert (bill.orders, reigning(ledger, model)) == ([], third)

    (images / "1.txt").write_text("ROBOX in the rain")
    new = trained(wish, ledger)
    assert decision(ledger, new).against == 3
    assert bill.trainings == [f"{new.key[:16]}-g1"]
    assert (reigning(ledger, model).number, reigning(ledger, model).key) == (4, new.key)
    report = ledger.store.read(str(decision(ledger, new).report).replace(".html", ".md")).decode()
    assert f"champion v3 `{first.key[:16]}-g1`" in report


@pytest.mark.usefixtures("emulator")
def test_champion_is_looked_at_rolled_back_pulled_and_asked_for_a_image(
    stack: Stack, two_champions: str, bill: Bill, ledger: Ledger, tmp_path: Path
) -> None:
    model = two_champions
    bill.clear()
    done = tuneloop(stack, "rollback", model, "--version", "1", "--reason", "odd eyes")
    assert done.returncode == 0, done.stderr
    assert "champion is v3" in done.stdout
    assert reigning(ledger, model).decided_by == "a person, at the command line"
    wait_until("the server knows of it", lambda: len(told(model)) == 1)
    unknown = tuneloop(stack, "rollback", model, "--version", "9", "--reason", "x")
    assert (unknown.returncode, "the numbers go from 1 to 3" in unknown.stderr) == (2, True)

    # It ends with 1 where another test's model has lost its weights.
    document = json.loads(tuneloop(stack, "models", "--json").stdout)
    (row,) = [item for item in document["models"] if item["model"] == model]
    assert (row["number"], row["rolled_back_to"], row["reason"]) == (3, 1, "odd eyes")
    assert (row["readable"], row["weights_problem"]) == (True, None)
    line = tuneloop(stack, "models", model).stdout
    assert line.index("rolled back to v1") < line.index(ledger.promotions(model)[1].job_id)

    file = tmp_path / "weights.safetensors"
    pulled = tuneloop(stack, "pull", model, "--output", str(file))
    assert pulled.returncode == 0, pulled.stderr
    assert hashlib.sha256(file.read_bytes()).hexdigest() == reigning(ledger, model).sha256
    assert bill.orders == []

    asked = tuneloop(
        stack, "generate", model, "{trigger} at dawn", "--seed", "5", "--output", str(tmp_path / "dawn")
    )
    assert asked.returncode == 0, asked.stderr
    assert "seed 5: 'ROBOX at dawn'. segmind bills it" in asked.stderr
    with Image.open(asked.stdout.strip()) as image:
        assert image.width
    assert bill.images == 1
    assert secrets_in(asked.stderr + asked.stdout + pulled.stderr + pulled.stdout + line) == []
