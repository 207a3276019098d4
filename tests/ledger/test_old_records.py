from __future__ import annotations

import json
from pathlib import Path

import pytest

from tuneloop.schemas.records import Decision, Promotion, Record, RunRecord, training_record

RECORDS = json.loads(Path(__file__).with_name("records_0_1.json").read_text())
"""One of each kind, as version 0.1 wrote them before budgets and approvals. Never to be edited."""


@pytest.mark.parametrize("record", RECORDS["training"], ids=lambda record: record["state"])
def test_training_record_of_an_older_version_is_still_read(record: dict[str, object]) -> None:
    read = training_record.validate_python(json.loads(json.dumps(record)))
    assert {field: json.loads(read.model_dump_json())[field] for field in record} == record


@pytest.mark.parametrize(("name", "kind"), [("run", RunRecord), ("decision", Decision), ("promotion", Promotion)])
def test_record_of_a_run_or_model_of_an_older_version_is_still_read(name: str, kind: type[Record]) -> None:
    read = kind.model_validate_json(json.dumps(RECORDS[name]))
    assert holds(json.loads(read.model_dump_json()), RECORDS[name])


def holds(newer: object, older: object) -> bool:
    """Whether everything that was written is still there, at every depth; later versions add fields."""
    if isinstance(newer, dict) and isinstance(older, dict):
        return all(holds(newer[field], value) for field, value in older.items())
    return newer == older
