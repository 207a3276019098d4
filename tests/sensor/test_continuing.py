"""How often a pending is tried again before it is left to a person."""

from __future__ import annotations

import os
from datetime import timedelta

from tests.sensor.aging import folder_of
from tuneloop.clock import now
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import RunRecord
from tuneloop.sensor.continuing import PAUSES, is_given_up, mark_notified, next_continuation, record_try
from tuneloop.sensor.transitions import PendingRun

HOUR = timedelta(hours=1)


def pending(run: RunRecord, records: int = 3) -> PendingRun:
    return PendingRun(run, records, awaits_review=False, ended=False)


def test_tries_come_at_growing_pauses_and_then_a_person_is_told_once(ledger: Ledger, run: RunRecord) -> None:
    at, made = now(), []
    for hour in range(24 * 10):
        following = next_continuation(ledger, pending(run), at + hour * HOUR, cancelled=False)
        if following.due:
            made.append(hour)
            record_try(ledger, following, "a run")
            moment = (at + hour * HOUR).timestamp()
            os.utime(folder_of(ledger) / f"{following.folder}{following.number:04d}", (moment, moment))
    assert made == [0, 1, 5, 29]
    last = next_continuation(ledger, pending(run), at + timedelta(days=100), cancelled=False)
    assert (last.exhausted, last.notified) == (True, False)
    assert not is_given_up(ledger, run, 3)
    mark_notified(ledger, last)
    assert next_continuation(ledger, pending(run), at, cancelled=False).notified
    assert is_given_up(ledger, run, 3)


def test_all_runs_of_a_training_and_a_plan_share_their_tries(ledger: Ledger, run: RunRecord) -> None:
    other = run.model_copy(update={"flow_run": "22222222-2222-2222-2222-222222222222"})
    record_try(ledger, next_continuation(ledger, pending(run), now(), cancelled=False), "a run")
    assert next_continuation(ledger, pending(other), now(), cancelled=False).number == 2
    another_model = run.model_copy(update={"model": "another"})
    assert next_continuation(ledger, pending(another_model), now(), cancelled=False).number == 1


def test_count_begins_anew_when_the_training_has_moved_on(ledger: Ledger, run: RunRecord) -> None:
    for _ in range(len(PAUSES) + 1):
        record_try(ledger, next_continuation(ledger, pending(run, 3), now(), cancelled=False), "a run")
    assert next_continuation(ledger, pending(run, 3), now(), cancelled=False).exhausted
    assert next_continuation(ledger, pending(run, 4), now(), cancelled=False).due


def test_each_cancelled_run_is_wound_up_by_itself(ledger: Ledger, run: RunRecord) -> None:
    other = run.model_copy(update={"flow_run": "22222222-2222-2222-2222-222222222222"})
    record_try(ledger, next_continuation(ledger, pending(run), now(), cancelled=True), "a run")
    assert next_continuation(ledger, pending(other), now(), cancelled=True).due
