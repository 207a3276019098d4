"""One look at every training in flight, for each kind of provider."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.contract.rig import Rig
from tests.ledger.test_submission import old_claim
from tuneloop.clock import Deadline, now
from tuneloop.emulator import Progress
from tuneloop.errors import RecordConflict
from tuneloop.ledger.attempts import choose_attempt
from tuneloop.ledger.evidence import why_not_again
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.submission import SubmitRequest, submit_training
from tuneloop.ledger.training import TrainingLog
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import TrainingIdentity
from tuneloop.sensor.poll import poll_all
from tuneloop.sensor.tick import TickResult


@pytest.fixture
def mine(rig: Rig, ledger: Ledger) -> RunRecord:
    if rig.emulator is None:
        pytest.skip("these trainings would cost money and show nothing more than the emulated ones")
    identity = TrainingIdentity(
        dataset_digest="d" * 64, recipe=rig.recipe.canonical(), account=rig.provider.account
    )
    run = RunRecord(
        created_at=now(),
        flow_run="22222222-2222-2222-2222-222222222222",
        model="robot",
        key=identity.key,
        attempt=1,
        dataset_digest="d" * 64,
        recipe=rig.recipe.model_dump(mode="json"),
        plan=EvaluationConfig(),
        account=rig.provider.account,
        credentials="any-credentials/default",
        store="local-file-system/test",
    )
    ledger.mark(ledger.save_run(run))
    return run


def moved(tick: TickResult) -> list[str]:
    return [pending.run.flow_run for pending in tick.pending if not pending.submitting]


def look(rig: Rig, ledger: Ledger) -> TickResult:
    return poll_all(ledger, lambda _: rig.provider)


def test_running_trainings_are_left_asleep_and_ended_ones_woken_at_every_look(
    rig: Rig,
    ledger: Ledger,
    mine: RunRecord,
) -> None:
    assert rig.emulator is not None
    rig.emulator.progress(Progress.after_seconds(3600))
    nothing_yet = TrainingLog(ledger, mine.key, 1)
    uploaded = rig.provider.deliver(nothing_yet.name, rig.archive)
    submit_training(rig.provider, nothing_yet, SubmitRequest(mine, rig.recipe, uploaded, SpendingLimits()))
    assert moved(look(rig, ledger)) == []
    rig.emulator.progress(Progress.at_once())
    for _ in range(2):
        assert moved(look(rig, ledger)) == [mine.flow_run]
    assert TrainingLog(ledger, mine.key, 1).last.state == "trained"  # type: ignore[union-attr]


def test_claimed_job_that_the_provider_shows_is_adopted(
    rig: Rig,
    ledger: Ledger,
    mine: RunRecord,
) -> None:
    claim = old_claim(mine, timedelta(seconds=-60))
    ledger.append(mine.key, None, claim)
    uploaded = rig.provider.deliver(claim.name, rig.archive)
    rig.provider.submit(claim.name, rig.recipe, uploaded, Deadline(60))
    look(rig, ledger)
    states = [record.state for record in ledger.history(mine.key)]
    assert states[:2] == ["claimed", "submitted"]
    assert rig.trainings() == 1


def test_claim_that_came_to_nothing_is_taken_over_only_where_absence_proves_something(
    rig: Rig,
    ledger: Ledger,
    mine: RunRecord,
) -> None:
    ledger.append(mine.key, None, old_claim(mine, timedelta(days=1)))
    training = TrainingLog(ledger, mine.key, 1)
    trusted = rig.provider.capabilities.list_is_complete
    reason = why_not_again(rig.provider, training, mine.credentials, rig.provider.find(training.stem))
    assert (reason is None) is trusted
    assert choose_attempt(ledger, mine.key, None) == 1
    assert rig.trainings() == 0


def test_one_unreadable_record_is_named_and_keeps_no_other_run_asleep(
    rig: Rig, ledger: Ledger, mine: RunRecord
) -> None:
    other = mine.model_copy(update={"flow_run": "33333333-3333-3333-3333-333333333333", "key": "e" * 64})
    ledger.mark(ledger.save_run(other))
    ledger.store.create(f"trainings/{other.key}/0001.json", b"{}")
    nothing_yet = TrainingLog(ledger, mine.key, 1)
    uploaded = rig.provider.deliver(nothing_yet.name, rig.archive)
    submit_training(rig.provider, nothing_yet, SubmitRequest(mine, rig.recipe, uploaded, SpendingLimits()))
    tick = look(rig, ledger)
    assert moved(tick) == [mine.flow_run]
    assert "is not a record of this version" in " ".join(tick.problems)


def test_account_whose_key_is_refused_is_a_problem_and_not_an_idle_tick(
    rig: Rig, ledger: Ledger, mine: RunRecord
) -> None:
    claim = old_claim(mine, timedelta(seconds=-60))
    ledger.append(mine.key, None, claim)
    tick = poll_all(ledger, lambda _: rig.stranger)
    assert moved(tick) == []
    assert "the API key" in " ".join(tick.problems)


def test_marker_that_nobody_claimed_for_is_left_alone_for_a_day_and_then_fenced(
    rig: Rig, ledger: Ledger, mine: RunRecord
) -> None:
    yesterday = mine.model_copy(
        update={
            "flow_run": "44444444-4444-4444-4444-444444444444",
            "key": "f" * 64,
            "created_at": now() - timedelta(hours=25),
        }
    )
    ledger.mark(ledger.save_run(yesterday))
    frozen = TrainingLog.of(ledger, yesterday)
    (pending,) = [item for item in look(rig, ledger).pending if not item.submitting]
    assert pending.run == yesterday
    assert pending.ended
    assert ledger.history(mine.key) == []
    # The starter stood still all the time, and goes on now: nothing can be claimed any more.
    order = SubmitRequest(yesterday, rig.recipe, rig.provider.deliver("a-name", rig.archive), SpendingLimits())
    with pytest.raises(RecordConflict):
        submit_training(rig.provider, frozen, order)
    assert rig.trainings() == 0
    assert choose_attempt(ledger, yesterday.key, None) == 2
