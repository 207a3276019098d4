"""A flow run that compares works on several trainings at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.ledger.test_submission import old_claim
from tests.registry.conftest import run_of
from tests.registry.test_review import READY, asked
from tuneloop.clock import now
from tuneloop.errors import LedgerError
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.registry.review import pending_reviews, review_model
from tuneloop.schemas.records import ComparisonRecord, HeldKind, RunRecord
from tuneloop.schemas.training import job_name
from tuneloop.sensor.transitions import pending_run, work_of

FLOW_RUN = "cccccccc-0000-0000-0000-000000000000"


@pytest.fixture
def compared(ledger: Ledger) -> tuple[RunRecord, ...]:
    one, two = (
        run_of(letter).model_copy(update={"flow_run": FLOW_RUN, "comparison": "trainers"}) for letter in "ab"
    )
    return ledger.save_comparison(comparison_of(one, two)).runs


def comparison_of(*runs: RunRecord) -> ComparisonRecord:
    return ComparisonRecord(
        created_at=now(),
        flow_run=FLOW_RUN,
        name="trainers",
        model="robot",
        runs=runs,
        aspect_ratio="1:1",
        budget_cents=1000,
    )


def test_each_training_of_a_run_is_found_by_its_key_and_by_its_job(
    ledger: Ledger, compared: tuple[RunRecord, ...]
) -> None:
    for run in compared:
        assert ledger.run(FLOW_RUN, run.key) == ledger.run(FLOW_RUN, job_name(run.key, 1)) == run
    assert ledger.run(FLOW_RUN, "d" * 64) is None
    assert ledger.run(FLOW_RUN) is None
    assert ledger.comparison("11111111-1111-1111-1111-111111111111") is None


def test_what_a_run_compares_is_decided_once(ledger: Ledger, compared: tuple[RunRecord, ...]) -> None:
    other = comparison_of(*(run.model_copy(update={"key": "d" * 64}) for run in compared))
    assert ledger.save_comparison(other).runs == compared


def test_candidates_of_one_run_are_one_work_and_those_of_another_are_not(compared: tuple[RunRecord, ...]) -> None:
    one, two = compared
    assert work_of(one) == work_of(two)
    assert work_of(one.model_copy(update={"flow_run": "d"})) != work_of(one)
    assert work_of(one.model_copy(update={"comparison": None})) != work_of(one)


def test_candidate_on_hold_that_its_comparison_gives_up_is_left_to_whoever_comes_next(
    ledger: Ledger, compared: tuple[RunRecord, ...]
) -> None:
    held, uncertain = compared
    beside = held.model_copy(update={"flow_run": "22222222-2222-2222-2222-222222222222", "comparison": None})

    def asking_run() -> str | None:
        pending = pending_run(ledger, beside, None)
        assert pending is not None
        assert pending.awaits_review
        return pending.asking_run

    kinds: tuple[HeldKind, ...] = ("budget", "uncertain")
    for run, kind in zip(compared, kinds, strict=True):
        ledger.append(run.key, None, old_claim(run, timedelta(0)))
        TrainingLog.of(ledger, run).hold(kind, "a person is asked")
        ledger.mark(run)
    assert asking_run() == FLOW_RUN
    for run in compared:
        ledger.unmark(run)
    assert asking_run() is None
    assert not ledger.is_marked(held)
    assert ledger.is_marked(uncertain), "it may be paid"


def test_each_candidate_is_reviewed_by_its_job(ledger: Ledger, compared: tuple[RunRecord, ...]) -> None:
    one, two = compared
    for run in compared:
        asked(ledger, run)
    assert {run.key for run, _ in pending_reviews(ledger, "robot")} == {one.key, two.key}
    with pytest.raises(LedgerError, match="robot has 2 pending reviews"):
        review_model(ledger, "robot", approve=True, reason="better", decided_by="ann", run_id=FLOW_RUN)
    chosen, _, promotion = review_model(
        ledger, "robot", approve=True, reason="better", decided_by="ann", run_id=job_name(two.key, 1)
    )
    assert (chosen, promotion.key if promotion else None) == (two, two.key)
    # The other question was about a champion that is none any more: the run that asked goes on.
    assert pending_reviews(ledger, "robot") == []
    pending = pending_run(ledger, one, READY)
    assert pending is not None
    assert not pending.awaits_review
