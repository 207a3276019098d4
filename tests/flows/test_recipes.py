"""Every recipe from its images to its promotion, and the parameters that only some of them have."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from blocks.bfl_credentials import BflCredentials
from tests.conftest import draw_images
from tests.contract.conftest import RECIPES, draw_pairs
from tests.datasets.sources.public_server import Shelf, serving
from tests.flows.bill import Bill
from tests.flows.runs import here
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Progress, running_emulator
from tuneloop.ledger.ledger import Ledger


@pytest.fixture
def bfl(tmp_path: Path, stack: Stack) -> Iterator[EmulatorControl]:  # noqa: ARG001 - the block is saved there
    with running_emulator("bfl", tmp_path / "bfl", progress=Progress.at_once()) as control:
        BflCredentials(api_key=control.api_key, base_url=control.url).save("of-a-test", overwrite=True)
        yield control


def with_recipe(wish: dict[str, Any], name: str, **changes: Any) -> dict[str, Any]:
    return {**wish, "recipe": {"trainer": name, **RECIPES[name]}, **changes}


def report_of(ledger: Ledger, model: str) -> str:
    (page, name, latest) = ledger.store.names(f"models/{model}/reports/")
    assert page == name.replace(".md", ".html")
    assert latest.endswith("/latest.html")
    return ledger.store.read(name).decode()


def test_kontext_is_judged_on_the_images_before_the_edit(
    wish: dict[str, Any], bill: Bill, ledger: Ledger, tmp_path: Path
) -> None:
    state = here(with_recipe(wish, "kontext-lora", dataset=str(draw_pairs(tmp_path))))
    assert state.name == "Completed", state.message
    assert len(bill.trainings) == 1
    assert bill.images == 1
    report = report_of(ledger, wish["model"])
    assert "| before |" in report
    assert "before the edit" in report


def test_kontext_without_the_other_half_of_a_pair_costs_nothing(
    wish: dict[str, Any], bill: Bill, tmp_path: Path
) -> None:
    pairs = draw_pairs(tmp_path)
    (pairs / "02_end.png").unlink()
    state = here(with_recipe(wish, "kontext-lora", dataset=str(pairs)))
    assert "02_start.png: has no 02_end" in (state.message or "")
    assert bill.orders == []


def test_qwen_is_trained_and_promoted(wish: dict[str, Any], bill: Bill, ledger: Ledger) -> None:
    assert here(with_recipe(wish, "qwen-lora")).name == "Completed"
    assert len(bill.trainings) == 1
    assert ledger.champion(wish["model"]) is not None


def test_bfl_model_is_its_remote_id_and_is_collected_rendered_and_promoted(
    wish: dict[str, Any], bfl: EmulatorControl, ledger: Ledger
) -> None:
    changed = with_recipe(wish, "bfl-finetune", credentials="bfl-credentials/of-a-test")
    assert here(changed).name == "Completed"
    champion = ledger.champion(wish["model"])
    assert champion is not None
    assert (champion.weights, champion.sha256) == (None, None)
    assert champion.job_id == bfl.jobs()[0].id
    assert here(changed).name == "Cached"
    kinds = [entry.kind for entry in bfl.billing()]
    assert (kinds.count("training"), kinds.count("inference")) == (1, 1)


def test_no_progress_is_shown_between_the_bytes_of_a_paid_post(wish: dict[str, Any], bfl: EmulatorControl) -> None:
    assert here(with_recipe(wish, "bfl-finetune", credentials="bfl-credentials/of-a-test")).name == "Completed"
    assert [entry.kind for entry in bfl.billing()].count("training") == 1
    key = ArtifactFilterKey(any_=[f"upload-{wish['model']}"])
    with get_client(sync_client=True) as client:
        assert client.read_artifacts(artifact_filter=ArtifactFilter(key=key)) == []


@pytest.mark.usefixtures("alone")
def test_recipe_of_another_provider_than_the_credentials_is_refused(wish: dict[str, Any], bill: Bill) -> None:
    state = here(with_recipe(wish, "bfl-finetune"))
    assert "name credentials of bfl" in (state.message or "")
    assert bill.paths == []


@pytest.mark.usefixtures("alone")
def test_settings_of_a_service_that_cannot_render_the_model_are_refused(wish: dict[str, Any], bill: Bill) -> None:
    plan = {**wish["evaluation"], "settings": {"endpoint": "flux-pro-finetuned"}}
    state = here({**wish, "evaluation": plan})
    assert "choose flux-dev-finetuned, model-slug, or default" in (state.message or "")
    assert bill.paths == []


def test_promoted_model_is_made_public_on_request(
    wish: dict[str, Any], emulator: EmulatorControl, ledger: Ledger
) -> None:
    assert here({**wish, "visibility": "public"}).name == "Completed"
    champion = ledger.champion(wish["model"])
    assert champion is not None
    listed = requests.get(
        f"{emulator.url}/finetune/request/list", headers={"x-api-key": emulator.api_key}, timeout=60
    ).json()
    public = {item["id"]: item["segmind_public_model"] for item in listed if "id" in item}
    assert public[champion.job_id] is True


def test_visibility_is_refused_where_the_provider_has_no_such_thing(
    wish: dict[str, Any], bfl: EmulatorControl
) -> None:
    changed = with_recipe(wish, "bfl-finetune", credentials="bfl-credentials/of-a-test", visibility="public")
    assert "leave it unchanged" in (here(changed).message or "")
    assert bfl.billing() == []


def test_zip_at_a_public_address_is_trained_once_until_its_bytes_change(
    wish: dict[str, Any], bill: Bill, tmp_path: Path
) -> None:
    shelf = Shelf()
    shelf.body = zipped(draw_images(tmp_path / "first", shade=11), tmp_path / "first.zip")
    with serving(shelf) as url:
        assert here({**wish, "dataset": url}).name == "Completed"
        assert here({**wish, "dataset": url}).name == "Cached"
        shelf.body = zipped(draw_images(tmp_path / "second", count=4, shade=11), tmp_path / "second.zip")
        assert here({**wish, "dataset": url}).name == "Completed"
    assert len(bill.trainings) == 2
    assert not any("pre-signed-url" in path for path in bill.paths)


def zipped(folder: Path, target: Path) -> bytes:
    with zipfile.ZipFile(target, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return target.read_bytes()


@pytest.mark.parametrize(
    "switches", [{"image_response": "bytes"}, {"download_url": "quoted"}, {"deploying_status": "DEPLOYING"}]
)
def test_every_way_in_which_the_pages_differ_is_understood(
    wish: dict[str, Any], emulator: EmulatorControl, switches: dict[str, Any]
) -> None:
    emulator.progress(Progress.after_polls(1))
    emulator.switch(**switches)
    try:
        assert here(wish).name == "Completed"
    finally:
        emulator.reset_switches()


def test_model_that_only_the_queue_serves_is_rendered_through_it(
    wish: dict[str, Any], bill: Bill, emulator: EmulatorControl, ledger: Ledger
) -> None:
    first = {**wish, "evaluation": {"prompts": ["one"], "seeds": [1]}}
    assert here(first).name == "Completed"
    champion = ledger.champion(wish["model"])
    assert champion is not None
    emulator.need_queue(champion.job_id)
    bill.clear()
    assert here({**wish, "evaluation": {"prompts": ["two"], "seeds": [1]}}).name == "Completed"
    assert any(path.startswith("/v2/") for path in bill.paths)
    assert bill.images == 1
