"""A training over the limit, asked about and approved where a person would do it: in Prefect's UI."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import expect
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import BlockDocumentCreate

from tests.browser.pages import Ui
from tests.browser.runs import Runs, run_record
from tests.conftest import draw_images
from tests.waiting import wait_until
from tuneloop.demo.scenario import MODEL_DEPLOYMENT
from tuneloop.demo.stack import Stack
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import Claimed
from tuneloop.schemas.training import job_name
from tuneloop.storage.local import LocalDirectory

pytestmark = pytest.mark.long  # a browser and an installation of its own

REASON = "agreed with the studio"


@pytest.fixture
def held_run(runs: Runs, stack: Stack, tmp_path: Path) -> UUID:
    """A run on images of its own, on an account that may train nothing today."""
    name = "nothing-left"
    with get_client(sync_client=True) as client:
        kind = client.read_block_type_by_slug("segmind-credentials")
        schema = next(item for item in client.read_block_schemas() if item.block_type_id == kind.id)
        data = {
            "api_key": stack.emulator.api_key,
            "base_url": stack.emulator.url,
            "account": name,
            "spending": {"trainings_per_day": 0},
        }
        client.create_block_document(
            BlockDocumentCreate(name=name, data=data, block_type_id=kind.id, block_schema_id=schema.id)
        )
    run = runs.start(
        MODEL_DEPLOYMENT,
        model="held-robot",
        dataset=str(draw_images(tmp_path / "images", shade=77)),
        credentials=f"segmind-credentials/{name}",
    )
    runs.wait_until(run, "Suspended")
    return run


def test_run_over_the_limit_is_approved_with_a_reason_on_its_own_page(
    ui: Ui, runs: Runs, held_run: UUID, stack: Stack
) -> None:
    page = ui.run_page(held_run, "Details")
    expect(page.get_by_text("0 of 0 trainings of segmind.nothing-left").first).to_be_visible()
    dialog = ui.ask_to_resume()
    expect(dialog.get_by_text("Nothing was sent and nothing is paid.")).to_be_visible()
    dialog.get_by_label("Select Decision").click()
    page.get_by_role("option", name="approve: submit it").click()
    dialog.get_by_label("Reason").fill(REASON)
    ui.press_resume()
    job = job_name(run_record(stack, held_run)["key"], 1)
    wait_until("it is paid", lambda: any(entry.name == job for entry in stack.emulator.billing()))
    runs.wait_until(held_run, "Suspended")
    ledger = Ledger(LocalDirectory(stack.folder / "store"))
    claims = [r for r in ledger.history(run_record(stack, held_run)["key"]) if isinstance(r, Claimed)]
    assert [claim.approval for claim in claims] == [None, REASON]
    assert sum(entry.name == job for entry in stack.emulator.billing()) == 1
    runs.cancel(held_run)
