from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.ledger.test_submission import old_claim
from tuneloop.clock import now
from tuneloop.errors import (
    CorruptRecord,
    LedgerError,
    RecordConflict,
)
from tuneloop.ledger.accounts import AccountOrigin, Driver
from tuneloop.ledger.attempts import CountedReason, choose_attempt
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import (
    CancelAnswer,
    CancelRequest,
    Claimed,
    Collected,
    ComparisonRecord,
    Decision,
    Promotion,
    Record,
    RunRecord,
    Submitted,
    Trained,
    TrainingRecord,
    training_record,
)
from tuneloop.schemas.spending import DuplicateJobRecord, Reservation
from tuneloop.storage.local import LocalDirectory

RECORDS = json.loads(Path(__file__).with_name("records_0_1.json").read_text())
"""One of each kind, as version 0.1 wrote them before budgets and approvals. Never to be edited."""
WHOLE = json.loads(Path(__file__).with_name("records_whole.json").read_text())
"""One of each kind with every field, as stored since. A new kind or field is added, and nothing is changed."""


def test_unchanged_training_is_trained_again_only_on_request(ledger: Ledger, run: RunRecord) -> None:
    claim = old_claim(run, timedelta(days=1))
    steps: list[Claimed | Submitted | Trained | Collected] = [
        claim,
        Submitted(created_at=now(), attempt=1, name=claim.name, job_id="j", found_by="answer"),
        Trained(created_at=now(), attempt=1, name=claim.name, job_id="j", provider_status="AVAILABLE"),
        Collected(
            created_at=now(), attempt=1, name=claim.name, job_id="j", weights="w", sha256="0" * 64, size_bytes=1
        ),
    ]
    before = None
    for record in steps:
        ledger.append(run.key, before, record)
        before = record
    assert choose_attempt(ledger, run.key, None) == 1
    assert choose_attempt(ledger, run.key, "new base model") == 2


def test_a_gap_stops_with_an_error(ledger: Ledger, artifacts: LocalDirectory, run: RunRecord) -> None:
    claim = old_claim(run, timedelta(days=1))
    artifacts.create(f"trainings/{run.key}/0002.json", claim.model_dump_json().encode())
    with pytest.raises(CorruptRecord, match=r"gap at .*0001"):
        ledger.last(run.key)


def test_an_unreadable_record_is_not_an_absent_one(
    ledger: Ledger, artifacts: LocalDirectory, run: RunRecord
) -> None:
    artifacts.create(f"trainings/{run.key}/0001.json", b"{}")
    with pytest.raises(CorruptRecord, match="restore it"):
        ledger.last(run.key)


def test_illegal_steps_are_refused(ledger: Ledger, run: RunRecord) -> None:
    claim = old_claim(run, timedelta(days=1))
    ledger.append(run.key, None, claim)
    trained = Trained(created_at=now(), attempt=1, name=claim.name, job_id="j", provider_status="AVAILABLE")
    with pytest.raises(LedgerError, match=r"trained .* cannot follow claimed"):
        ledger.append(run.key, claim, trained)


def test_step_after_a_record_that_is_gone_is_refused_and_writes_nothing(
    ledger: Ledger, artifacts: LocalDirectory, run: RunRecord
) -> None:
    claim = old_claim(run, timedelta(days=1))
    submitted = Submitted(created_at=now(), attempt=1, name=claim.name, job_id="j", found_by="answer")
    with pytest.raises(RecordConflict, match="no longer has the record that this step follows"):
        ledger.append(run.key, claim, submitted)
    assert list(artifacts.names("trainings/")) == []


def test_record_that_another_process_has_read_is_followed_by_the_next_number(
    ledger: Ledger, artifacts: LocalDirectory, run: RunRecord
) -> None:
    claim = old_claim(run, timedelta(days=1))
    ledger.append(run.key, None, claim)
    submitted = Submitted(created_at=now(), attempt=1, name=claim.name, job_id="j", found_by="answer")
    Ledger(artifacts).append(run.key, claim, submitted)
    with pytest.raises(RecordConflict, match=r"moved on: another writer was first at .*0002\.json"):
        ledger.append(run.key, claim, submitted.model_copy(update={"writer_id": "another"}))


def test_first_run_file_wins(ledger: Ledger, run: RunRecord) -> None:
    ledger.save_run(run)
    other = run.model_copy(update={"attempt": 2, "writer_id": "somebody else"})
    assert ledger.save_run(other).attempt == 1


@pytest.mark.parametrize("record", RECORDS["training"], ids=lambda record: record["state"])
def test_training_record_of_an_older_version_is_still_read(record: dict[str, object]) -> None:
    read = training_record.validate_python(json.loads(json.dumps(record)))
    assert {field: json.loads(read.model_dump_json())[field] for field in record} == record


@pytest.mark.parametrize(("name", "kind"), [("run", RunRecord), ("decision", Decision), ("promotion", Promotion)])
def test_record_of_a_run_or_model_of_an_older_version_is_still_read(name: str, kind: type[Record]) -> None:
    read = kind.model_validate_json(json.dumps(RECORDS[name]))
    assert holds(json.loads(read.model_dump_json()), RECORDS[name])


@pytest.mark.parametrize(
    "kind",
    [
        *TrainingRecord.__subclasses__(), AccountOrigin, CancelAnswer, CancelRequest, ComparisonRecord,
        CountedReason, Decision, Driver, DuplicateJobRecord, Promotion, Reservation, RunRecord,
    ],
)  # fmt: skip
def test_record_is_still_read_with_every_field(kind: type[Record]) -> None:
    stored = WHOLE[kind.__name__]
    assert set(stored) == set(kind.model_fields)
    assert holds(json.loads(kind.model_validate_json(json.dumps(stored)).model_dump_json()), stored)


def holds(newer: object, older: object) -> bool:
    """Whether everything that was written is still there, at every depth; later versions add fields."""
    if isinstance(newer, dict) and isinstance(older, dict):
        return all(holds(newer[field], value) for field, value in older.items())
    return newer == older
