"""Jobs that live on after a bad end, jobs and weights that are gone, and reasons to train once more."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.ledger.bent import BentProvider
from tests.ledger.test_submission import old_claim
from tuneloop.clock import now
from tuneloop.errors import LedgerError
from tuneloop.ledger.attempts import choose_attempt, count_reason, requested_attempt
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.collection import LOST_AFTER, hold_if_lost, next_try, note_failed_try, try_again
from tuneloop.ledger.ledger import FailedJob, Ledger
from tuneloop.ledger.reconciliation import record_job_id, revive
from tuneloop.ledger.submission import SubmitRequest, submit_training
from tuneloop.ledger.training import TrainingLog, record_progress
from tuneloop.operations.status import duplicate_jobs
from tuneloop.schemas.records import (
    Abandoned,
    AnyTrainingRecord,
    Failed,
    Held,
    Rejected,
    RunRecord,
    Submitted,
    Trained,
)
from tuneloop.schemas.spending import DuplicateJobRecord, SpendingLimits
from tuneloop.schemas.training import JobStatus, Submission


def rejected_attempts(ledger: Ledger, run: RunRecord, count: int) -> None:
    last: AnyTrainingRecord | None = None
    for attempt in range(1, count + 1):
        numbered = run.model_copy(update={"attempt": attempt})
        claim = old_claim(numbered, timedelta(days=1))
        ledger.append(run.key, last, claim)
        last = Rejected(created_at=now(), attempt=attempt, name=claim.name, reason="no such thing")
        TrainingLog.of(ledger, numbered).append_failure(numbered, last)


def submitted(ledger: Ledger, run: RunRecord, job_id: str = "job", at: datetime | None = None) -> Submitted:
    claim = old_claim(run, timedelta(days=1))
    ledger.append(run.key, ledger.last(run.key), claim)
    record = Submitted(
        created_at=at or now(), attempt=run.attempt, name=claim.name, job_id=job_id, found_by="answer"
    )
    ledger.append(run.key, claim, record)
    return record


def shown(run: RunRecord, phase: str, job_id: str = "job", attempt: int = 1) -> JobStatus:
    name = f"{run.key[:16]}-g{attempt}"
    return JobStatus.model_validate(
        {"job_id": job_id, "name": name, "phase": phase, "provider_status": phase.upper()}
    )


def failed(ledger: Ledger, run: RunRecord) -> FailedJob:
    ledger.save_run(run)
    submitted(ledger, run)
    assert isinstance(record_progress(ledger, run, shown(run, "failed")), Failed)
    ((end, _),) = ledger.failed_jobs()
    return end


def test_failed_job_that_runs_again_is_known_by_its_name_and_followed_again(
    ledger: Ledger, run: RunRecord
) -> None:
    end = failed(ledger, run)
    assert (end.job, end.key) == (f"{run.key[:16]}-g1", run.key)
    again = revive(ledger, end, shown(run, "running"))
    assert isinstance(again, Submitted)
    assert [record.state for record in ledger.history(run.key)][-2:] == ["failed", "submitted"]
    assert ledger.is_marked(run)
    assert choose_attempt(ledger, run.key, "one more") == 1
    assert revive(ledger, end, shown(run, "running")) is None
    assert isinstance(record_progress(ledger, run, shown(run, "ready")), Trained)


def test_revived_job_is_taken_up_by_the_newest_attempt(ledger: Ledger, run: RunRecord) -> None:
    end = failed(ledger, run)
    second = run.model_copy(update={"attempt": 2, "flow_run": "22222222-2222-2222-2222-222222222222"})
    claim = old_claim(second, timedelta(days=1))
    ledger.append(run.key, ledger.last(run.key), claim)
    ledger.save_run(second)
    end_of_second = Rejected(created_at=now(), attempt=2, name=claim.name, reason="too many")
    TrainingLog.of(ledger, second).append_failure(second, end_of_second)
    again = revive(ledger, end, shown(run, "ready"))
    assert isinstance(again, Submitted)
    assert (again.attempt, again.name, again.job_id) == (2, f"{run.key[:16]}-g1", "job")
    assert ledger.is_marked(second)


def test_revived_job_beside_one_that_is_followed_is_a_duplicate_once(ledger: Ledger, run: RunRecord) -> None:
    end = failed(ledger, run)
    submitted(ledger, run.model_copy(update={"attempt": 2}), "second")
    assert isinstance(revive(ledger, end, shown(run, "running")), DuplicateJobRecord)
    assert revive(ledger, end, shown(run, "running")) is None
    (double,) = duplicate_jobs(ledger)
    assert (double.job_id, double.followed) == ("job", "second")


def test_killed_between_the_record_and_the_marker_a_revived_job_is_marked_by_the_next_look(
    ledger: Ledger, run: RunRecord
) -> None:
    end = failed(ledger, run)
    revive(ledger, end, shown(run, "running"))
    ledger.unmark(run)
    assert revive(ledger, end, shown(run, "running")) is None
    assert ledger.is_marked(run)


def test_training_that_was_given_up_although_paid_is_not_revived(ledger: Ledger, run: RunRecord) -> None:
    end = failed(ledger, run)
    revive(ledger, end, shown(run, "running"))
    last = ledger.last(run.key)
    assert last is not None
    ledger.append(
        run.key,
        last,
        Abandoned(created_at=now(), attempt=1, name=last.name, reason="lost", paid=True, again=True),
    )
    assert revive(ledger, end, shown(run, "ready")) is None
    assert ledger.last(run.key).state == "abandoned"  # type: ignore[union-attr]
    assert choose_attempt(ledger, run.key, None) == 2


def trained(ledger: Ledger, run: RunRecord, age: timedelta) -> Trained:
    before = submitted(ledger, run)
    record = Trained(
        created_at=now() - age,
        attempt=run.attempt,
        name=before.name,
        job_id=before.job_id,
        provider_status="AVAILABLE",
    )
    ledger.append(run.key, before, record)
    return record


def test_weights_that_cannot_be_had_for_days_are_held_as_lost_and_keep_their_place(
    ledger: Ledger, run: RunRecord
) -> None:
    record = trained(ledger, run, LOST_AFTER + timedelta(hours=1))
    for tries in range(3):
        assert hold_if_lost(TrainingLog(ledger, run.key, 1), "404") is None, tries
        note_failed_try(ledger, record)
    held = hold_if_lost(TrainingLog(ledger, run.key, 1), "404: no such file")
    assert held is not None
    assert held.kind == "lost"
    assert "its weights (id job) could not be fetched since" in held.reason
    assert "404: no such file" in held.reason
    training = TrainingLog(ledger, run.key, 1)
    assert not training.ended_unpaid
    assert training.job_id == "job"


def test_weights_are_not_lost_before_days_have_passed_and_are_tried_less_and_less_often(
    ledger: Ledger, run: RunRecord
) -> None:
    record = trained(ledger, run, timedelta(days=2))
    assert next_try(ledger, record) <= now()
    pauses = []
    for _ in range(5):
        note_failed_try(ledger, record)
        pauses.append(round((next_try(ledger, record) - now()) / timedelta(minutes=1)))
    assert pauses == [10, 60, 240, 1440, 1440]
    assert hold_if_lost(TrainingLog(ledger, run.key, 1), "404") is None


def test_person_who_tries_again_begins_anew_and_at_once(ledger: Ledger, run: RunRecord) -> None:
    record = trained(ledger, run, LOST_AFTER)
    for _ in range(3):
        note_failed_try(ledger, record)
    hold_if_lost(TrainingLog(ledger, run.key, 1), "404")
    try_again(TrainingLog(ledger, run.key, 1))
    last = ledger.last(run.key)
    assert isinstance(last, Trained)
    assert last.writer_id != record.writer_id
    assert next_try(ledger, last) <= now()


def test_lost_training_is_never_claimed_again_in_its_attempt(ledger: Ledger, run: RunRecord) -> None:
    trained(ledger, run, timedelta(days=4))
    held = TrainingLog(ledger, run.key, 1).hold("lost", "404")
    with pytest.raises(LedgerError, match="cannot follow"):
        ledger.append(run.key, held, old_claim(run, timedelta(0)))


def test_job_that_was_lost_sight_of_goes_on_when_it_is_shown_again(ledger: Ledger, run: RunRecord) -> None:
    submitted(ledger, run, at=now() - timedelta(days=4))
    assert isinstance(hold_if_lost(TrainingLog(ledger, run.key, 1), "404"), Held)
    record_job_id(TrainingLog(ledger, run.key, 1), Submission(job_id="job"), "list")
    assert ledger.last(run.key).state == "submitted"  # type: ignore[union-attr]


def test_job_whose_weights_are_lost_is_left_to_the_person_who_is_asked(ledger: Ledger, run: RunRecord) -> None:
    trained(ledger, run, timedelta(days=4))
    TrainingLog(ledger, run.key, 1).hold("lost", "404")
    record_job_id(TrainingLog(ledger, run.key, 1), Submission(job_id="job"), "list")
    assert ledger.last(run.key).state == "held"  # type: ignore[union-attr]


def test_lost_training_that_is_given_up_keeps_its_place_in_the_budget(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest
) -> None:
    run = order.run
    submit_training(bent, TrainingLog(ledger, run.key, 1), order)
    held = TrainingLog(ledger, run.key, 1).hold("lost", "404")
    ledger.append(run.key, held, Abandoned(created_at=now(), attempt=1, name=held.name, reason="gone", paid=True))
    assert Budget(ledger, run.account, SpendingLimits()).spending(now().date()).trainings_today == 1


def ended(ledger: Ledger, run: RunRecord) -> None:
    """A training that is paid and at its end."""
    held = hold_of(ledger, run)
    ledger.append(run.key, held, Abandoned(created_at=now(), attempt=1, name=held.name, reason="gone", paid=True))


def hold_of(ledger: Ledger, run: RunRecord) -> Held:
    submitted(ledger, run)
    return TrainingLog(ledger, run.key, 1).hold("lost", "404")


def wishing(run: RunRecord, ledger: Ledger, reason: str, number: int) -> RunRecord:
    flow_run = f"00000000-0000-0000-0000-{number:012d}"
    attempt, words = requested_attempt(ledger, run.key, reason, flow_run)
    update = {"flow_run": flow_run, "attempt": attempt, "retrain_reason": words}
    return count_reason(ledger, run.model_copy(update=update))


def test_reason_counts_once_however_often_it_is_said(ledger: Ledger, run: RunRecord) -> None:
    ended(ledger, run)
    first = wishing(run, ledger, "six fingers", 1)
    assert (first.attempt, first.retrain_reason) == (2, "six fingers")
    assert wishing(run, ledger, " six  fingers\n", 1) == first, "the same run restarted keeps its attempt"
    again = wishing(run, ledger, "  six fingers ", 2)
    assert (again.attempt, again.retrain_reason) == (2, None), "it works on the same attempt"
    second = run.model_copy(update={"attempt": 2})
    held = submitted(ledger, second)
    ledger.append(run.key, held, Abandoned(created_at=now(), attempt=2, name=held.name, reason="gone", paid=True))
    assert wishing(run, ledger, "six fingers", 3).attempt == 2
    assert wishing(run, ledger, "seven fingers", 4).attempt == 3


def test_reason_with_a_signed_link_is_kept_without_its_signature_and_counts_once(
    ledger: Ledger, run: RunRecord
) -> None:
    ended(ledger, run)
    said = "six fingers: https://bucket.example.org/a.png?X-Amz-Signature=0123abcd, look"
    first = wishing(run, ledger, said, 1)
    assert (first.attempt, first.retrain_reason) == (2, "six fingers: https://bucket.example.org/a.png?… look")
    assert wishing(run, ledger, said, 1) == first
    assert wishing(run, ledger, said.replace("0123abcd", "4567cdef"), 2).retrain_reason is None


def test_of_two_runs_that_say_the_same_at_once_one_counts(ledger: Ledger, run: RunRecord) -> None:
    ended(ledger, run)
    wishes = [
        run.model_copy(update={"flow_run": f"run {number}", "attempt": 2, "retrain_reason": "six fingers"})
        for number in range(2)
    ]
    assert [count_reason(ledger, wish).retrain_reason for wish in wishes] == ["six fingers", None]


def test_blank_reason_is_no_wish(ledger: Ledger, run: RunRecord) -> None:
    ended(ledger, run)
    assert requested_attempt(ledger, run.key, " \n", "run") == (1, None)


def test_nothing_is_written_by_asking_which_attempt_it_would_be(
    ledger: Ledger, run: RunRecord, tmp_path: Path
) -> None:
    ended(ledger, run)
    before = sorted(tmp_path.rglob("*"))
    requested_attempt(ledger, run.key, "six fingers", "dry-run")
    assert sorted(tmp_path.rglob("*")) == before


def test_reason_that_was_carried_out_between_two_looks_at_the_log_counts_once(
    ledger: Ledger, run: RunRecord
) -> None:
    ended(ledger, run)
    first = wishing(run, ledger, "six fingers", 1)
    held = submitted(ledger, first)
    ledger.append(run.key, held, Abandoned(created_at=now(), attempt=2, name=held.name, reason="gone", paid=True))
    # This one has looked for the reason before the first run gave it, and at the log after it was done.
    late = run.model_copy(update={"flow_run": "late", "attempt": 3, "retrain_reason": "six fingers"})
    counted = count_reason(ledger, late)
    assert (counted.attempt, counted.retrain_reason) == (2, None)
