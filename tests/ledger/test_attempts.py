from __future__ import annotations

from datetime import timedelta

import pytest

from tests.ledger.test_lost import ended, failed, shown, submitted, wishing
from tuneloop.clock import now
from tuneloop.ledger.attempts import choose_attempt, may_begin
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.reconciliation import revive
from tuneloop.ledger.training import TrainingLog, record_progress
from tuneloop.schemas.records import (
    Abandoned,
    Collected,
    RunRecord,
    Submitted,
    Trained,
)
from tuneloop.sensor.transitions import pending_run


def second_of(run: RunRecord, age: timedelta = timedelta(0), reason: str | None = None) -> RunRecord:
    """A run on the second attempt."""
    update = {"flow_run": "22222222-2222-2222-2222-222222222222", "attempt": 2, "created_at": now() - age}
    return run.model_copy(update={**update, "retrain_reason": reason})


def collected(ledger: Ledger, run: RunRecord) -> None:
    last = ledger.last(run.key)
    assert isinstance(last, Submitted)
    job = {"attempt": last.attempt, "name": last.name, "job_id": last.job_id}
    trained = Trained.model_validate({"created_at": now(), "provider_status": "AVAILABLE", **job})
    ledger.append(run.key, last, trained)
    nothing = {"weights": None, "sha256": None, "size_bytes": None}
    ledger.append(run.key, trained, Collected.model_validate({"created_at": now(), **job, **nothing}))


def come_to_life(ledger: Ledger, run: RunRecord) -> None:
    """The first attempt fails, a run decides on a second one, and the job of the first is there all the same."""
    end = failed(ledger, run)
    assert isinstance(revive(ledger, end, shown(run, "running")), Submitted)


def test_attempt_is_not_begun_after_the_one_before_has_come_to_life_or_was_collected(
    ledger: Ledger, run: RunRecord
) -> None:
    end = failed(ledger, run)
    second = second_of(run)
    assert may_begin(ledger, second)
    revive(ledger, end, shown(run, "running"))
    assert not may_begin(ledger, second)
    collected(ledger, run)
    assert not may_begin(ledger, second)
    assert may_begin(ledger, second_of(run, reason="six fingers")), "but on request"


def test_run_that_shares_another_ones_wish_may_begin_its_attempt(ledger: Ledger, run: RunRecord) -> None:
    ended(ledger, run)
    wishing(run, ledger, "six fingers", 1)
    again = wishing(run, ledger, "six fingers", 2)
    assert (again.attempt, again.retrain_reason) == (2, None)
    assert may_begin(ledger, again)


@pytest.mark.parametrize("bill", ["submitted", "collected"])
def test_marker_of_an_attempt_that_was_overtaken_goes_and_leaves_no_record(
    bill: str, ledger: Ledger, run: RunRecord
) -> None:
    second = second_of(run, age=timedelta(hours=25))
    come_to_life(ledger, run)
    if bill == "collected":
        collected(ledger, run)
    ledger.mark(ledger.save_run(second))
    before = ledger.history(run.key)
    pending = pending_run(ledger, second, None)
    assert pending is not None
    assert pending.ended
    assert ledger.history(run.key) == before
    assert choose_attempt(ledger, run.key, None) == 1


def test_attempt_that_was_abandoned_before_its_claim_hides_no_bill(ledger: Ledger, run: RunRecord) -> None:
    submitted(ledger, run)
    collected(ledger, run)
    second = second_of(run, reason="six fingers")
    fence = Abandoned(
        created_at=now(), attempt=2, name=f"{run.key[:16]}-g2", reason="its run was cancelled", paid=False
    )
    TrainingLog.of(ledger, second).append_failure(second, fence)
    assert choose_attempt(ledger, run.key, None) == 1
    assert choose_attempt(ledger, run.key, "seven fingers") == 3


def test_reason_whose_run_never_claimed_is_not_carried_out_by_others(ledger: Ledger, run: RunRecord) -> None:
    submitted(ledger, run)
    collected(ledger, run)
    first = wishing(run, ledger, "six fingers", 1)
    fence = Abandoned(created_at=now(), attempt=2, name=f"{run.key[:16]}-g2", reason="never claimed", paid=False)
    TrainingLog.of(ledger, first).append_failure(first, fence)
    again = wishing(run, ledger, "six fingers", 2)
    assert (again.attempt, again.retrain_reason) == (1, None)


def test_wish_whose_attempt_failed_is_carried_out_by_the_next_run(ledger: Ledger, run: RunRecord) -> None:
    submitted(ledger, run)
    collected(ledger, run)
    second = second_of(run, reason="six fingers")
    submitted(ledger, second, "second")
    record_progress(ledger, second, shown(run, "failed", "second", 2))
    assert choose_attempt(ledger, run.key, None) == 3
