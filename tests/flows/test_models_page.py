"""The page of all models, as the deployed sensor keeps it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort

from tests.conftest import draw_images
from tests.flows.runs import here, nudge_sensor, sensor_paused, start, wait_for
from tests.flows.shop import Shop
from tests.waiting import wait_until
from tuneloop.clock import now
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl
from tuneloop.evaluation.reports.models_page import MODELS_PAGE
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import open_store
from tuneloop.orchestration.models_page import may_have_changed, update_models_page


def versions(client: SyncPrefectClient, key: str) -> list[str]:
    """The artifacts of a key, newest first."""
    of_key = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
    found = client.read_artifacts(artifact_filter=of_key, sort=ArtifactSort.CREATED_DESC, limit=10)
    return [str(item.data) for item in found]


def test_page_is_written_when_something_has_changed_and_not_otherwise(shop: Shop) -> None:
    assert here(shop.wish).name == "Completed"
    kept, slug, model = Ledger(open_store(shop.store)), shop.store, shop.wish["model"]
    with get_client(sync_client=True) as client:
        assert update_models_page(client, kept, slug, "models-of-a-shop", now())
        page = kept.store.read(MODELS_PAGE).decode()
        for words in (model, "1 champion, no open questions", "1 training", 'src="data:image/jpeg;base64,'):
            assert words in page
        written = kept.store.read("pages/models.json")

        assert not update_models_page(client, kept, slug, "models-of-a-shop", now())
        assert len(versions(client, "models-of-a-shop")) == 1
        assert kept.store.read("pages/models.json") == written

        # Ages are shown by days.
        assert update_models_page(client, kept, slug, "models-of-a-shop", now() + timedelta(days=1))
        newest, first = versions(client, "models-of-a-shop")
        assert f"| {model} | v1 since today | promoted" in first
        assert "v1 for 1 day |" in newest


def test_run_that_asks_is_on_the_page_with_a_link_to_it(stack: Stack, shop: Shop, tmp_path: Path) -> None:
    gate = {"margin": 1.0, "max_copies": 1}
    wish = {**shop.wish, "evaluation": {**shop.wish["evaluation"], "gate": gate}}
    assert here(wish).name == "Completed"
    run = start({**wish, "dataset": str(draw_images(tmp_path / "more", 4, shade=92))})
    wait_for(run, "Suspended")
    kept = Ledger(open_store(shop.store))
    with get_client(sync_client=True) as client:
        update_models_page(client, kept, shop.store, "models-of-a-shop", now())
    page = kept.store.read(MODELS_PAGE).decode()
    assert "1 question waits for an answer" in page
    assert f'href="{stack.server_url}/runs/flow-run/{run}"' in page


def test_sensor_keeps_the_page_of_its_store(stack: Stack, wish: dict[str, Any], ledger: Ledger) -> None:
    del stack
    assert here(wish).name == "Completed"
    assert nudge_sensor().name != "Failed"
    line = f"| {wish['model']} | v1 since today |"
    with get_client(sync_client=True) as client:
        # Its artifact is written after the page itself.
        wait_until("the artifact has it", lambda: any(line in shown for shown in versions(client, "models")))
    assert wish["model"] in ledger.store.read(MODELS_PAGE).decode()


def test_tick_looks_for_changes_by_one_request(emulator: EmulatorControl, wish: dict[str, Any]) -> None:
    del emulator
    noon = now().replace(hour=12)
    with get_client(sync_client=True) as client, sensor_paused():
        long_ago = noon - timedelta(days=300)
        assert not may_have_changed(client, long_ago, long_ago + timedelta(minutes=1))
        assert may_have_changed(client, long_ago, long_ago + timedelta(hours=13)), "another day"
        assert may_have_changed(client, None, noon), "nothing is known of a tick before"
        began = now()
        assert here(wish).name == "Completed"
        wait_until("it is told", lambda: may_have_changed(client, began, began.replace(hour=23, minute=59)))
