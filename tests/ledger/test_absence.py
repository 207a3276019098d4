"""What it takes to submit again without a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.ledger.bent import BentProvider
from tests.ledger.test_lost import rejected_attempts
from tests.ledger.test_submission import old_claim, trainings
from tuneloop.clock import now
from tuneloop.emulator import EmulatorControl, Fault
from tuneloop.errors import AmbiguousSubmit, TrainingOnHold, UnexpectedResponse
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.submission import SubmitRequest, submit_training
from tuneloop.ledger.training import TrainingLog
from tuneloop.schemas.records import Claimed, Held, RunRecord, Submitted
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import JobList

SUBMIT = "/finetune/request/submit"


def submit(ledger: Ledger, provider: BentProvider, order: SubmitRequest) -> Submitted:
    return submit_training(provider, TrainingLog.of(ledger, order.run), order)


def states(ledger: Ledger, order: SubmitRequest) -> list[str]:
    return [record.state for record in ledger.history(order.run.key)]


def test_second_submit_without_an_answer_is_held_and_there_is_no_third(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    bent.bend_list = lambda _: JobList()
    ledger.append(order.run.key, None, old_claim(order.run, timedelta(hours=1)))
    emulator.inject(Fault("fail_after_effect", SUBMIT, "POST", status=504))
    with pytest.raises(TrainingOnHold, match=r"2 submits of .* were ambiguous"):
        submit(ledger, bent, order)
    assert states(ledger, order) == ["claimed", "claimed", "held"]
    assert trainings(emulator) == 1
    with pytest.raises(TrainingOnHold):
        submit(ledger, bent, order)
    assert trainings(emulator) == 1


def test_two_claims_that_came_to_nothing_are_not_followed_by_a_third(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    for _ in range(2):
        ledger.append(order.run.key, ledger.last(order.run.key), old_claim(order.run, timedelta(hours=1)))
    with pytest.raises(TrainingOnHold, match="2 submits"):
        submit(ledger, bent, order)
    assert trainings(emulator) == 0


def test_first_submit_without_an_answer_waits(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("fail_after_effect", SUBMIT, "POST", status=504))
    bent.bend_list = lambda _: JobList()
    with pytest.raises(AmbiguousSubmit):
        submit(ledger, bent, order)
    assert states(ledger, order) == ["claimed"]


def test_success_without_an_id_is_held_at_once_and_shows_the_answer(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest
) -> None:
    bent.bend_list = lambda _: JobList()
    bent.lost_answer = UnexpectedResponse(
        "the submit was answered without an id",
        provider="segmind",
        status=200,
        excerpt='{"error":"Insufficient credits"}',
    )
    with pytest.raises(TrainingOnHold, match="Insufficient credits"):
        submit(ledger, bent, order)
    held = ledger.last(order.run.key)
    assert isinstance(held, Held)
    assert held.kind == "uncertain"


def test_success_without_an_id_whose_job_is_there_is_followed(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest
) -> None:
    bent.lost_answer = UnexpectedResponse("no id", provider="segmind", status=201)
    assert submit(ledger, bent, order).found_by == "list"


def shows_nothing(shown: JobList) -> JobList:
    return shown.model_copy(update={"jobs": (), "shown": frozenset()})


def goes_on(shown: JobList) -> JobList:
    return shown.model_copy(update={"list_is_complete": False})


def known_training(ledger: Ledger, bent: BentProvider, order: SubmitRequest, age: timedelta) -> None:
    """Another training of the account, submitted a while ago and in flight."""
    other = order.run.model_copy(update={"key": "e" * 64, "flow_run": "22222222-2222-2222-2222-222222222222"})
    job_id = submit(ledger, bent, replace(order, run=other)).job_id
    older = other.model_copy(update={"key": "d" * 64, "flow_run": "33333333-3333-3333-3333-333333333333"})
    claim = old_claim(older, age)
    ledger.append(older.key, None, claim)
    submitted = Submitted(created_at=now() - age, attempt=1, name=claim.name, job_id=job_id, found_by="answer")
    ledger.append(older.key, claim, submitted)
    ledger.mark(ledger.save_run(older))


@pytest.mark.parametrize(("bend", "why"), [(shows_nothing, "is not complete .it lacks"), (goes_on, "be cut")])
def test_list_that_is_not_whole_proves_nothing(
    bend: Callable[[JobList], JobList],
    why: str,
    ledger: Ledger,
    bent: BentProvider,
    order: SubmitRequest,
    emulator: EmulatorControl,
) -> None:
    known_training(ledger, bent, order, timedelta(hours=1))
    ledger.append(order.run.key, None, old_claim(order.run, timedelta(hours=1)))
    bent.bend_list = bend
    with pytest.raises(TrainingOnHold, match=why):
        submit(ledger, bent, order)
    assert states(ledger, order) == ["claimed", "held"]
    assert trainings(emulator) == 1


def test_job_in_the_newest_budget_slot_is_missed_in_a_list_without_it(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = order.run.model_copy(update={"key": "e" * 64})
    monkeypatch.setattr(BentProvider, "margins", bent.margins.model_copy(update={"list_lag_s": 0}))
    submit(ledger, bent, replace(order, run=other))  # nobody marks it
    ledger.append(order.run.key, None, old_claim(order.run, timedelta(hours=1)))
    bent.bend_list = shows_nothing
    with pytest.raises(TrainingOnHold, match=r"is not complete"):
        submit(ledger, bent, order)


def test_whole_list_that_shows_what_is_known_lets_the_claim_be_taken_over(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    known_training(ledger, bent, order, timedelta(hours=1))
    ledger.append(order.run.key, None, old_claim(order.run, timedelta(hours=1)))
    submit(ledger, bent, order)
    assert states(ledger, order) == ["claimed", "claimed", "submitted"]
    assert trainings(emulator) == 2


def test_only_the_block_that_claimed_can_show_that_it_came_to_nothing(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    ledger.append(order.run.key, None, old_claim(order.run, timedelta(hours=1)))
    elsewhere = order.run.model_copy(update={"credentials": "segmind-credentials/staging"})
    with pytest.raises(
        TrainingOnHold, match=r"only segmind-credentials/default.*this run has segmind-credentials/stag"
    ):
        submit(ledger, bent, replace(order, run=elsewhere))
    assert trainings(emulator) == 0


def held_for(ledger: Ledger, run: RunRecord, kind: str) -> None:
    claim = old_claim(run, timedelta(hours=1))
    ledger.append(run.key, None, claim)
    held = Held.model_validate(
        {"created_at": now(), "attempt": 1, "name": claim.name, "reason": "asked", "kind": kind}
    )
    ledger.append(run.key, claim, held)


@pytest.mark.parametrize("kind", ["attempts", "uncertain"])
def test_approval_for_something_else_does_not_waive_the_limits(
    kind: str, ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    held_for(ledger, order.run, kind)
    approved = replace(order, limits=SpendingLimits(trainings_per_day=0), approval="go on")
    with pytest.raises(TrainingOnHold, match="0 of 0 trainings"):
        submit(ledger, bent, approved)
    held = ledger.last(order.run.key)
    assert isinstance(held, Held)
    assert held.kind == "budget"
    assert trainings(emulator) == 0
    submit(ledger, bent, replace(approved, approval="and the money too"))
    assert trainings(emulator) == 1
    claims = [record for record in ledger.history(order.run.key) if isinstance(record, Claimed)]
    assert claims[-1].waived == tuple(sorted((kind, "budget")))


def test_approval_of_the_budget_does_not_waive_three_bad_ends(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    rejected_attempts(ledger, order.run, 3)
    fourth = order.run.model_copy(update={"attempt": 4})
    claim = old_claim(fourth, timedelta(hours=1))
    ledger.append(fourth.key, ledger.last(fourth.key), claim)
    held = Held(created_at=now(), attempt=4, name=claim.name, reason="asked", kind="budget")
    ledger.append(fourth.key, claim, held)
    with pytest.raises(TrainingOnHold, match="3 times in a row"):
        submit(ledger, bent, replace(order, run=fourth, approval="the money is there"))
    assert trainings(emulator) == 0
