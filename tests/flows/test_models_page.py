"""The page of all models, as the deployed sensor keeps it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import State
from prefect.client.schemas.sorting import ArtifactSort
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.logging import disable_run_logger
from prefect.states import Failed, Suspended

from tests.conftest import draw_images
from tests.flows.runs import RETRAIN, here, nudge_sensor, sensor_paused, start, wait_for
from tests.flows.shop import Shop
from tests.registry.conftest import promotion_of
from tests.s3_server import fresh_bucket, s3_client, s3_server
from tests.waiting import wait_until
from tuneloop.clock import now
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl
from tuneloop.errors import StoreError
from tuneloop.evaluation.reports.models_page import MODELS_PAGE
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import open_store
from tuneloop.orchestration.models_changes import may_have_changed
from tuneloop.orchestration.models_page import update_models_page
from tuneloop.orchestration.polling import poll_trainings
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import S3Store
from tuneloop.storage.s3_logs import log_requests


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

        assert here({**shop.wish, "dry_run": True}).name == "Completed"  # which is not the model's last run
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


def test_tick_notices_what_has_changed_since_the_last_one(emulator: EmulatorControl, wish: dict[str, Any]) -> None:
    del emulator
    noon = now().replace(hour=12)
    with get_client(sync_client=True) as client, sensor_paused():
        long_ago = noon - timedelta(days=300)
        assert not may_have_changed(client, long_ago, long_ago + timedelta(minutes=1))
        assert may_have_changed(client, long_ago, long_ago + timedelta(hours=13)), "another day"
        midnight = long_ago.replace(hour=0, minute=0)
        minutes = [midnight + timedelta(minutes=number) for number in (1, 2, 4, 5)]
        assert may_have_changed(client, *minutes[:2]), "the day's first tick may have failed"
        assert not may_have_changed(client, *minutes[2:])
        assert may_have_changed(client, None, noon), "nothing is known of a tick before"
        began = now()
        assert here(wish).name == "Completed"
        wait_until("it is told", lambda: may_have_changed(client, began, began.replace(hour=23, minute=59)))


def test_failed_run_of_another_flow_is_no_change() -> None:
    @flow(name="somebody-elses")
    def fails() -> State[Any]:
        return Failed()

    with get_client(sync_client=True) as client, sensor_paused():
        failed = fails(return_state=True)
        of_run = EventFilter(
            occurred=EventOccurredFilter(since=now() - timedelta(minutes=1), until=now() + timedelta(minutes=1)),
            resource=EventResourceFilter(id=[f"prefect.flow-run.{failed.state_details.flow_run_id}"]),
            event=EventNameFilter(name=["prefect.flow-run.Failed"]),
        )
        (event,) = wait_until("the server has it", lambda: client.read_events(of_run, limit=1).events)
        # A tick looks back by three minutes.
        previous = event.occurred + timedelta(minutes=3)
        assert not may_have_changed(client, previous, event.occurred + timedelta(milliseconds=1))


def test_tick_reads_the_models_that_have_changed(stack: Stack, tmp_path: Path) -> None:
    del stack
    log, slug, day = tmp_path / "requests.log", "s3-bucket/many", now()
    with get_client(sync_client=True) as client, s3_server() as endpoint:
        s3 = s3_client(endpoint)
        kept = Ledger(S3Store(s3, fresh_bucket(s3)))
        for model in ("one", "two", "three"):
            assert kept.write_promotion(promotion_of("a", model, 1))
        log_requests(s3, log, "tick")

        def read(at: datetime) -> set[str]:
            """The models of which a tick has read something."""
            log.write_text("")
            update_models_page(client, kept, slug, "models-many", at)
            return set(re.findall(r"GetObject \S+/models/([a-z]+)/", log.read_text()))

        assert read(day) == {"one", "two", "three"}
        assert read(day) == set()
        assert kept.write_promotion(promotion_of("b", "two", 2))
        assert read(day) == {"two"}
        assert " v2 since" in versions(client, "models-many")[0]
        assert read(day + timedelta(days=1)) == {"one", "two", "three"}


class _WriteOnce(LocalDirectory):
    """Its operator lets nothing be written twice, as a policy of a bucket can."""

    def rewrite(self, name: str, data: bytes) -> None:
        raise StoreError(f"{name} is not allowed ({len(data)} bytes)")


def test_artifact_keeps_up_where_nothing_may_be_written_twice(stack: Stack, tmp_path: Path) -> None:
    del stack
    kept = Ledger(_WriteOnce(tmp_path))
    with get_client(sync_client=True) as client:
        for day in (0, 1):
            at = now() + timedelta(days=day)
            assert update_models_page(client, kept, "local-file-system/write-once", "models-write-once", at)
            assert not update_models_page(client, kept, "local-file-system/write-once", "models-write-once", at)
        assert len(versions(client, "models-write-once")) == 2


def test_question_of_an_unreadable_run_does_not_stop_the_page(stack: Stack, tmp_path: Path) -> None:
    del stack
    kept = Ledger(LocalDirectory(tmp_path))
    with get_client(sync_client=True) as client:
        model = client.read_deployment_by_name(RETRAIN)
        asks = client.create_flow_run_from_deployment(
            model.id, tags=["on-hold"], state=Suspended(timeout_seconds=600)
        )
        try:
            assert kept.store.create(f"runs/{asks.id}.json", b"{")
            assert update_models_page(client, kept, "local-file-system/unreadable", "models-unreadable", now())
        finally:
            client.delete_flow_run(asks.id)


def test_tick_tells_of_each_stores_page(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert here(shop.wish).name == "Completed"
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", str(uuid4()))
    with disable_run_logger(), get_client(sync_client=True) as client:
        poll_trainings(["local-file-system/there-is-none", shop.store])
        assert shop.wish["model"] in versions(client, f"models-local-file-system-{shop.name}")[0]
        state = poll_trainings([shop.store])
        assert state.name == "Idle", state.message
        shop.ledger.store.create("models/another/x", b"")
        state = poll_trainings([shop.store])
        assert "pages of models written: 1" in str(state.message)
