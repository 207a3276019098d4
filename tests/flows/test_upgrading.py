"""Tuneloop is upgraded while a run is suspended, by the steps of `docs/bad-days.md`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tests.flows.bill import Bill
from tests.flows.runs import here, start, tick, wait_for
from tests.flows.shop import Shop
from tests.flows.test_bad_days import Reader, others
from tests.flows.test_commands import file_for
from tests.ledger.test_records import RECORDS
from tests.sensor.test_other_versions import OLDER, cut, rewrite
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Progress
from tuneloop.ledger.ledger import Ledger
from tuneloop.project.files import RECORD, copy_shipped
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.training import job_name

FLOW = "flows/retrain_model.py"
TRAINS = "        weights = train(ctx, run)\n"
OPERATOR = {
    "name": "of-a-project",
    "entrypoint": "flows/rollback_model.py:rollback_model",
    "work_pool": {"name": "tuneloop"},
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the flows of an older version, which cannot finish a training."""
    folder = tmp_path / "project"
    copy_shipped(folder)
    (folder / "prefect.yaml").write_text(yaml.safe_dump({"deployments": [OPERATOR]}))
    flow = folder / FLOW
    assert TRAINS in flow.read_text()
    flow.write_text(flow.read_text().replace(TRAINS, f"{TRAINS}        raise RuntimeError('an older version')\n"))
    record = json.loads((folder / RECORD).read_text())
    record["files"][FLOW] = hashlib.sha256(flow.read_bytes()).hexdigest()
    (folder / RECORD).write_text(json.dumps(record))
    return folder


def written_by_an_older_version(ledger: Ledger, work: RunRecord) -> None:
    folder = Path(unquote(urlsplit(ledger.store.uri).path))
    for file in (folder / "trainings" / work.key).glob("*.json"):
        record = json.loads(file.read_text())
        rewrite(file, cut(record, OLDER[record["state"]]))
    file = folder / "runs" / f"{work.flow_run}.json"
    rewrite(file, cut(json.loads(file.read_text()), RECORDS["run"]))


@pytest.mark.long  # deployed twice
def test_suspended_run_of_an_older_version_is_finished_by_the_newer_flow(
    stack: Stack, emulator: EmulatorControl, project: Path, wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    (project / "deployments").mkdir(exist_ok=True)
    file_for(wish, project / "deployments", stack.credentials_slug)
    page = Reader("Upgrading while trainings are in progress", stack, {}, project)
    deployed = page.run("tuneloop", "deploy")
    assert deployed.returncode == 0, deployed.stderr
    emulator.progress(Progress.after_seconds(3600))
    run = start({}, f"retrain-model/{wish['model']}")
    wait_for(run, "Suspended")
    work = ledger.run(str(run))
    assert work is not None
    written_by_an_older_version(ledger, work)

    assert f"{FLOW}: renewed" in page.next().stdout
    deployed = page.next()
    assert (deployed.returncode, page.is_done()) == (0, True), deployed.stderr
    emulator.progress(Progress.at_once())
    tick(stack.store_slug)
    assert "Promoted" in (wait_for(run, "Completed").message or "")
    assert bill.trainings == [job_name(work.key, 1)]


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    "place",
    [
        "models/*/promotions",
        *(pytest.param(place, marks=pytest.mark.long) for place in ("budget", "accounts", "drivers")),
    ],
)
def test_run_of_an_older_version_pays_and_claims_nothing_where_a_newer_one_has_written(
    place: str, shop: Shop, bill: Bill, tmp_path: Path
) -> None:
    assert here(shop.wish).name == "Completed"
    newest = max(shop.folder.glob(f"{place}/**/*.json"))
    rewrite(newest, {**json.loads(newest.read_text()), "said_later": 1})
    before = set(shop.ledger.store.names(""))
    bill.clear()
    state = here(others(shop, tmp_path / "changed", 21))
    assert "was written by a newer version of Tuneloop" in (state.message or "")
    assert bill.orders == []
    written = {name.split("/")[0] for name in set(shop.ledger.store.names("")) - before}
    assert written <= {"images", "datasets", "scans", "runs", "trained", "inflight"}, "all that a run only wants"
