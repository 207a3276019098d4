"""What has ended comes to life again, or may still do so: nothing is paid beside it, and nobody forgets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

from tests.ledger.bent import BentProvider
from tests.ledger.test_attempts import collected, second_of
from tests.ledger.test_earlier_jobs import next_attempt, post, states, submit
from tests.ledger.test_lost import failed, shown
from tests.ledger.test_submission import SUBMIT, old_claim, trainings
from tests.sensor.aging import age_refusal
from tuneloop.clock import now
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.errors import LedgerError, RateLimited, RecordConflict, RequestRejected
from tuneloop.http.transport import RequestNotSent
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.collection import collect_weights
from tuneloop.ledger.evidence import follow_earlier_job, why_not_again
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.reconciliation import find_submitted, record_job_id, revive
from tuneloop.ledger.submission import SubmitRequest
from tuneloop.ledger.training import TrainingLog, record_progress
from tuneloop.providers.base import SubmitMargins
from tuneloop.schemas.records import Abandoned, Claimed, Failed, Held, Rejected, RunRecord, Submitted
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import JobList, Submission
from tuneloop.sensor.transitions import pending_run, record_transitions


class Late(BentProvider):
    """An account whose submits never leave in time."""

    margins: ClassVar[SubmitMargins] = SubmitMargins(claim_s=0)


def test_next_attempt_waits_until_a_job_that_was_refused_would_be_shown(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    emulator.switch(list_lag_s=60)
    emulator.inject(Fault("fail_after_effect", SUBMIT, "POST", status=429))
    with pytest.raises(RateLimited):
        submit(ledger, bent, order)
    claim, rejected = ledger.history(order.run.key)
    assert isinstance(claim, Claimed)
    assert isinstance(rejected, Rejected)
    assert rejected.settled_after == claim.take_over_after
    second = second_of(order.run)
    with pytest.raises(RecordConflict, match="rejected too recently"):
        submit(ledger, bent, replace(order, run=second))
    pending = pending_run(ledger, second, None)
    assert pending is not None
    assert pending.early, "nobody wakes it"
    assert trainings(emulator) == 1
    emulator.advance(61)
    age_refusal(ledger, order.run)
    pending = pending_run(ledger, second, None)
    assert pending is not None
    assert not pending.early
    submit(ledger, bent, replace(order, run=second))
    assert states(ledger, order)[-1] == "submitted"
    assert trainings(emulator) == 1


def test_submit_that_was_certainly_not_sent_lets_the_next_attempt_go_at_once(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    late = Late(emulator.api_key, base_url=emulator.url)
    with pytest.raises(RequestNotSent, match="deadline had passed"):
        submit(ledger, late, order)
    submit(ledger, bent, next_attempt(order))
    assert trainings(emulator) == 1


def test_failed_job_that_lives_is_found_by_its_id_where_the_list_lacks_it(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    submit(ledger, bent, order)
    known = TrainingLog(ledger, order.run.key, 1).known
    assert known is not None
    seen = bent.get_job(Submission(job_id=known.job_id)).model_copy(
        update={"phase": "failed", "provider_status": "FAILED"}
    )
    assert isinstance(record_progress(ledger, order.run, seen), Failed)
    bent.bend_list = lambda _: JobList()
    submit(ledger, bent, next_attempt(order))
    last = ledger.last(order.run.key)
    assert isinstance(last, Submitted)
    assert (last.attempt, last.job_id, last.name) == (2, known.job_id, known.name)
    assert trainings(emulator) == 1


def test_failed_job_that_is_only_old_is_not_alive(ledger: Ledger, run: RunRecord) -> None:
    failed(ledger, run)
    old = shown(run, "ready").model_copy(update={"by_age": True})
    training = TrainingLog(ledger, run.key, 2)
    assert follow_earlier_job(training, JobList(jobs=(old,))) is None
    unknown = old.model_copy(update={"job_id": "of a lost store"})
    assert follow_earlier_job(training, JobList(jobs=(old, unknown))) is not None


def test_name_that_a_failed_job_of_a_lost_store_has_is_not_used_for_a_second_one(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    job_id = post(bent, order, f"{order.run.key[:16]}-g1")
    bent.bend_list = lambda listed: listed.model_copy(
        update={"jobs": tuple(job.model_copy(update={"phase": "failed"}) for job in listed.jobs)}
    )
    submit(ledger, bent, order)
    training = TrainingLog(ledger, order.run.key, 1)
    assert (states(ledger, order), training.job_id) == (["submitted"], job_id)
    record_progress(ledger, order.run, shown(order.run, "failed", job_id))
    submit(ledger, bent, next_attempt(order))
    assert states(ledger, order) == ["submitted", "failed", "claimed", "submitted"]
    assert trainings(emulator) == 2


def test_of_two_jobs_of_one_name_the_ledger_follows_the_one_that_lives(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest
) -> None:
    name = f"{order.run.key[:16]}-g1"
    dead, alive = (post(bent, order, name) for _ in range(2))

    def dying(listed: JobList) -> JobList:
        jobs = [job.model_copy(update={"phase": "failed"}) if job.job_id == dead else job for job in listed.jobs]
        return listed.model_copy(update={"jobs": tuple(sorted(jobs, key=lambda job: job.job_id != dead))})

    bent.bend_list = dying
    ledger.append(order.run.key, None, old_claim(order.run, timedelta(days=1)))
    find_submitted(bent, TrainingLog(ledger, order.run.key, 1))
    assert TrainingLog(ledger, order.run.key, 1).job_id == alive


@pytest.mark.parametrize("phase", ["running", "failed"])
def test_job_that_another_attempt_follows_is_no_evidence_for_the_one_it_is_named_after(
    phase: str, ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    run, second = order.run, second_of(order.run, reason="six fingers")
    job_id = post(bent, order, f"{run.key[:16]}-g2")
    submit(ledger, bent, order)
    assert TrainingLog(ledger, run.key, 1).job_id == job_id, "found in place of a first one"
    if phase == "failed":
        record_progress(ledger, run, shown(run, "failed", job_id, 2))
        bent.bend_list = lambda listed: listed.model_copy(
            update={"jobs": tuple(job.model_copy(update={"phase": "failed"}) for job in listed.jobs)}
        )
    else:
        collected(ledger, run)
    claim = old_claim(second, timedelta(days=1))
    ledger.append(run.key, ledger.last(run.key), claim)
    training = TrainingLog(ledger, run.key, 2)
    assert find_submitted(bent, training) is None
    listed = bent.find(training.stem)
    assert record_transitions(ledger, second, list(listed.jobs)) == (None, None)
    assert why_not_again(bent, training, second.credentials, listed) is None
    assert ledger.last(run.key) == claim


def test_job_of_another_attempt_is_not_written_over_a_claim_that_came_after_the_look(
    ledger: Ledger, run: RunRecord
) -> None:
    end = failed(ledger, run)
    before = TrainingLog(ledger, run.key, 2)
    ledger.append(run.key, before.previous, old_claim(second_of(run), timedelta(0)))
    with pytest.raises(RecordConflict):
        follow_earlier_job(before, JobList(jobs=(shown(run, "running"),)))
    assert revive(ledger, end, shown(run, "running")) is None
    assert ledger.last(run.key).state == "claimed"  # type: ignore[union-attr]


def reviving(ledger: Ledger, run: RunRecord) -> Callable[[], object]:
    end = failed(ledger, run)
    return lambda: revive(ledger, end, shown(run, "running"))


def test_marker_that_is_deleted_while_its_training_comes_to_life_is_left_again(
    ledger: Ledger, run: RunRecord
) -> None:
    revived = reviving(ledger, run)
    ledger.mark(run)
    # A run has read the bad end, the sensor writes, and dies before it marks: the run deletes the marker last.
    revived()
    ledger.unmark(run)
    assert ledger.is_marked(run)
    collected(ledger, run)
    ledger.unmark(run)
    assert not ledger.is_marked(run)


def test_job_that_lives_is_taken_up_by_an_attempt_that_is_held_and_every_look_may_repeat_that(
    ledger: Ledger, run: RunRecord
) -> None:
    end = failed(ledger, run)
    second = second_of(run)
    ledger.append(run.key, ledger.last(run.key), old_claim(second, timedelta(days=1)))
    TrainingLog(ledger, run.key, 2).hold("budget", "over the limit")
    assert isinstance(revive(ledger, end, shown(run, "running")), Submitted)
    assert revive(ledger, end, shown(run, "running")) is None


def test_answer_that_comes_after_the_attempt_was_closed_is_written_down_and_marked(
    ledger: Ledger, run: RunRecord
) -> None:
    claim = old_claim(run, timedelta(days=1))
    ledger.append(run.key, None, claim)
    gone = Abandoned(created_at=now(), attempt=1, name=claim.name, reason="cancelled", paid=False)
    TrainingLog.of(ledger, run).append_failure(run, gone)
    record_job_id(TrainingLog(ledger, run.key, 1), Submission(job_id="late"), "answer")
    assert TrainingLog(ledger, run.key, 1).job_id == "late"


def test_answer_that_comes_after_the_next_attempt_was_begun_is_an_error_and_no_endless_loop(
    ledger: Ledger, run: RunRecord
) -> None:
    claim = old_claim(run, timedelta(days=1))
    ledger.append(run.key, None, claim)
    gone = Abandoned(created_at=now(), attempt=1, name=claim.name, reason="cancelled", paid=False)
    TrainingLog.of(ledger, run).append_failure(run, gone)
    ledger.append(run.key, gone, old_claim(second_of(run), timedelta(0)))
    with pytest.raises(LedgerError, match="job late was accepted"):
        record_job_id(TrainingLog(ledger, run.key, 1), Submission(job_id="late"), "answer")


def test_place_that_was_given_back_counts_again_when_its_job_lives(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    submit(ledger, bent, replace(order, limits=SpendingLimits(trainings_per_day=1)))
    run = order.run
    known = TrainingLog(ledger, run.key, 1).known
    assert known is not None
    record_progress(ledger, run, shown(run, "failed", known.job_id))
    budget = Budget(ledger, run.account, SpendingLimits(trainings_per_day=1))
    budget.check_readable(run, None, None)
    assert list(ledger.store.names("budget/"))[-1].endswith(".released")
    assert budget.hold_reason(None) is None
    # The second attempt takes the job up, under its own name.
    second = second_of(run)
    submit(ledger, bent, replace(order, run=second))
    assert states(ledger, order)[-1] == "submitted"
    assert budget.hold_reason(None) is not None
    other = replace(
        order, run=run.model_copy(update={"key": "e" * 64}), limits=SpendingLimits(trainings_per_day=1)
    )
    with pytest.raises(Exception, match="1 of 1 trainings"):
        submit(ledger, bent, other)


def test_hold_because_of_a_row_that_cannot_be_read_is_no_submit_in_doubt(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest
) -> None:
    name = f"{order.run.key[:16]}-g3"
    bent.bend_list = lambda listed: listed.model_copy(update={"unreadable": {name: "its status is null"}})
    with pytest.raises(Exception, match="cannot be read"):
        submit(ledger, bent, order)
    training = TrainingLog(ledger, order.run.key, 1)
    assert isinstance(training.last, Held)
    assert training.submits == 0
    assert training.had_ambiguous_submit, "the job may be there"


def test_refusal_that_needs_no_look_lets_the_next_attempt_go_at_once(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("refuse", SUBMIT, "POST", status=400))
    with pytest.raises(RequestRejected):
        submit(ledger, bent, order)
    age_refusal(ledger, order.run)
    submit(ledger, bent, next_attempt(order))
    assert trainings(emulator) == 1


def test_weights_of_a_job_that_is_named_after_another_attempt_are_not_taken_for_that_ones(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest
) -> None:
    run, second = order.run, second_of(order.run, reason="six fingers")
    post(bent, order, f"{run.key[:16]}-g2")
    submit(ledger, bent, order)
    record_progress(ledger, run, bent.get_job(Submission(job_id=TrainingLog(ledger, run.key, 1).job_id or "")))
    first = collect_weights(bent, TrainingLog(ledger, run.key, 1))
    submit(ledger, bent, replace(order, run=second))
    record_progress(ledger, second, bent.get_job(Submission(job_id=TrainingLog(ledger, run.key, 2).job_id or "")))
    other = collect_weights(bent, TrainingLog(ledger, run.key, 2))
    assert first.job_id != other.job_id
    assert first.weights != other.weights
