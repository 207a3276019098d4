"""Trainings in flight that another version of Tuneloop has begun."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.test_records import RECORDS
from tests.ledger.test_submission import trainings
from tests.sensor.conftest import PutInFlight, look, moved
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl
from tuneloop.errors import CorruptRecord
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.submission import SubmitRequest, submit_training
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.storage.local import LocalDirectory

OLDER = {record["state"]: record for record in RECORDS["training"]}


def cut(record: Any, older: Any) -> Any:
    """What an older version would have written of a record: it has no other fields."""
    if isinstance(record, dict) and isinstance(older, dict):
        return {name: cut(value, older[name]) for name, value in record.items() if name in older}
    return record


def rewrite(file: Path, record: dict[str, Any]) -> None:
    file.write_text(json.dumps(record))


def test_training_that_an_older_version_has_begun_goes_on(
    artifacts: LocalDirectory, tmp_path: Path, provider: SegmindProvider, put_in_flight: PutInFlight
) -> None:
    (run,) = put_in_flight(1)
    for file in (tmp_path / "artifacts" / "trainings").rglob("*.json"):
        record = json.loads(file.read_text())
        rewrite(file, cut(record, OLDER[record["state"]]))
    file = tmp_path / "artifacts" / "runs" / f"{run.flow_run}.json"
    rewrite(file, cut(json.loads(file.read_text()), RECORDS["run"]))
    ledger = Ledger(artifacts)
    assert moved(look(ledger, provider)) == [run.flow_run]
    assert [record.state for record in ledger.history(run.key)] == ["claimed", "submitted", "trained"]


@pytest.mark.parametrize(
    "newer", [{"priority": 1}, {"schema_number": 2}, {"state": "queued"}, {"found_by": "webhook"}], ids=str
)
def test_training_that_a_newer_version_has_begun_is_left_alone_with_a_sentence(
    newer: dict[str, Any],
    artifacts: LocalDirectory,
    tmp_path: Path,
    provider: SegmindProvider,
    emulator: EmulatorControl,
    put_in_flight: PutInFlight,
    recipe: FluxLoraRecipe,
    archive: DatasetArchive,
) -> None:
    (run,) = put_in_flight(1)
    file = tmp_path / "artifacts" / "trainings" / run.key / "0002.json"
    rewrite(file, {**json.loads(file.read_text()), **newer})
    before, ledger = set(artifacts.names("")), Ledger(artifacts)
    tick = look(ledger, provider)
    assert moved(tick) == []
    assert any("0002.json was written by a newer version of Tuneloop" in problem for problem in tick.problems)
    order = SubmitRequest(run, recipe, provider.deliver("a-name", archive), SpendingLimits())
    with pytest.raises(CorruptRecord, match="upgrade Tuneloop on this machine"):
        submit_training(provider, TrainingLog(ledger, run.key, 1), order)
    assert set(artifacts.names("")) == before
    assert trainings(emulator) == 1
