"""The look before every claim."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.ledger.bent import BentProvider
from tests.ledger.test_submission import old_claim, trainings
from tuneloop.clock import Deadline
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.errors import (
    AmbiguousSubmit,
    ClockWrong,
    CorruptRecord,
    ProviderUnavailable,
    RecordConflict,
    TrainingOnHold,
)
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.reconciliation import record_duplicate_job
from tuneloop.ledger.submission import SubmitRequest, submit_training
from tuneloop.ledger.training import TrainingLog, record_progress
from tuneloop.operations.status import duplicate_jobs
from tuneloop.schemas.records import Failed, Held, training_record
from tuneloop.schemas.training import JobList, Submission
from tuneloop.storage.local import LocalDirectory

LIST = "/finetune/request/list"


def submit(ledger: Ledger, provider: BentProvider, order: SubmitRequest) -> None:
    training = TrainingLog.of(ledger, order.run)
    submit_training(provider, training, order)


def next_attempt(order: SubmitRequest, attempt: int = 2) -> SubmitRequest:
    return replace(order, run=order.run.model_copy(update={"attempt": attempt}))


def post(provider: BentProvider, order: SubmitRequest, name: str) -> str:
    """A submit that no ledger knows of."""
    return provider.submit(name, order.recipe, order.dataset, Deadline(60)).job_id


def states(ledger: Ledger, order: SubmitRequest) -> list[str]:
    return [record.state for record in ledger.history(order.run.key)]


def test_lost_store_follows_the_job_that_is_there_and_pays_nothing(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl, tmp_path: Path
) -> None:
    submit(ledger, bent, order)
    (tmp_path / "mounted elsewhere").mkdir()
    other = Ledger(LocalDirectory(tmp_path / "mounted elsewhere"))
    found = submit_training(bent, TrainingLog(other, order.run.key, 1), order)
    assert found.found_by == "list"
    assert states(other, order) == ["submitted"]
    assert trainings(emulator) == 1


def test_look_before_a_claim_costs_one_get(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    before = len(emulator.requests())
    submit(ledger, bent, order)
    asked = [(entry.method, entry.path) for entry in emulator.requests()[before:]]
    assert asked == [("GET", LIST), ("POST", "/finetune/request/submit")]


def test_failed_job_that_runs_again_is_followed_by_the_next_attempt(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    submit(ledger, bent, order)
    submitted = TrainingLog(ledger, order.run.key, 1).known
    assert submitted is not None
    seen = bent.get_job(Submission(job_id=submitted.job_id)).model_copy(
        update={"phase": "failed", "provider_status": "FAILED"}
    )
    assert isinstance(record_progress(ledger, order.run, seen), Failed)
    submit(ledger, bent, next_attempt(order))
    assert states(ledger, order) == ["claimed", "submitted", "failed", "submitted"]
    assert trainings(emulator) == 1


def test_of_several_unknown_jobs_the_highest_attempt_is_followed_and_the_others_are_duplicates(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest
) -> None:
    stem = order.run.key[:16]
    first, tenth, second = (post(bent, order, f"{stem}-g{attempt}") for attempt in (1, 10, 2))
    submit(ledger, bent, order)
    assert TrainingLog(ledger, order.run.key, 1).job_id == tenth
    assert {double.job_id for double in duplicate_jobs(ledger)} == {first, second}


def test_same_row_twice_is_no_duplicate(ledger: Ledger, bent: BentProvider, order: SubmitRequest) -> None:
    post(bent, order, f"{order.run.key[:16]}-g1")
    bent.bend_list = lambda shown: shown.model_copy(update={"jobs": shown.jobs * 2})
    submit(ledger, bent, order)
    assert duplicate_jobs(ledger) == []


def test_job_is_no_duplicate_of_itself(ledger: Ledger) -> None:
    assert record_duplicate_job(ledger, "robot-g1", "job", "job") is None
    assert duplicate_jobs(ledger) == []


def test_collected_training_is_no_earlier_job_where_one_more_is_asked_for(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    submit(ledger, bent, order)
    training = TrainingLog(ledger, order.run.key, 1)
    assert training.known is not None
    trained = record_progress(ledger, order.run, bent.get_job(Submission(job_id=training.known.job_id)))
    assert trained is not None
    collected = {"state": "collected", "weights": None, "sha256": None, "size_bytes": None}
    fields = trained.model_dump(include={"created_at", "attempt", "name", "job_id"}) | collected
    ledger.append(order.run.key, trained, training_record.validate_python(fields))
    submit(ledger, bent, next_attempt(order))
    assert trainings(emulator) == 2
    assert duplicate_jobs(ledger) == []


def test_list_that_is_not_answered_leaves_nothing_claimed(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("refuse", LIST, "GET", times=9, status=503))
    with pytest.raises(ProviderUnavailable):
        submit(ledger, bent, order)
    assert ledger.history(order.run.key) == []
    assert trainings(emulator) == 0


@pytest.mark.parametrize(("ahead_s", "way"), [(1500, "behind"), (-1500, "ahead of"), (45, "behind")])
def test_wrong_clock_claims_nothing_and_says_what_to_do(
    ahead_s: float, way: str, ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    bent.ahead_s = ahead_s
    with pytest.raises(ClockWrong, match=rf"s {way} the clock of segmind: nothing was claimed.*Set the clock"):
        submit(ledger, bent, order)
    assert ledger.history(order.run.key) == []
    assert trainings(emulator) == 0


def test_job_whose_row_cannot_be_read_holds_the_training_until_a_person_has_looked(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    name = f"{order.run.key[:16]}-g3"
    bent.bend_list = lambda shown: shown.model_copy(update={"unreadable": {name: "its status is null"}})
    with pytest.raises(TrainingOnHold, match=f"{name} that cannot be read: its status is null"):
        submit(ledger, bent, order)
    held = ledger.last(order.run.key)
    assert isinstance(held, Held)
    assert held.kind == "uncertain"
    assert trainings(emulator) == 0
    submit(ledger, bent, replace(order, approval="it is another account's"))
    assert trainings(emulator) == 1


def test_strangers_row_that_cannot_be_read_is_nobodys(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest
) -> None:
    bent.bend_list = lambda shown: shown.model_copy(update={"unreadable": {"0123456789abcdef-g1": "no status"}})
    submit(ledger, bent, order)
    assert states(ledger, order) == ["claimed", "submitted"]


def test_claim_that_is_fresh_is_refused_without_a_look(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    ledger.append(order.run.key, None, old_claim(order.run, timedelta(seconds=-60)))
    before = len(emulator.requests())
    with pytest.raises(RecordConflict):
        submit(ledger, bent, order)
    assert len(emulator.requests()) == before


@pytest.mark.parametrize("status", [400, 404, 422, 403])
def test_refusal_after_the_effect_is_found_out_by_one_look(
    status: int, ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("fail_after_effect", "/finetune/request/submit", "POST", status=status))
    submit(ledger, bent, order)
    assert states(ledger, order) == ["claimed", "submitted"]
    assert trainings(emulator) == 1


def test_refusal_whose_look_fails_leaves_the_claim_standing(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    emulator.inject(Fault("refuse", "/finetune/request/submit", "POST", status=400))
    looks = iter([None])

    def only_once(shown: JobList) -> JobList:
        if next(looks, "spent") == "spent":
            raise ProviderUnavailable("it did not answer in time", provider="segmind")
        return shown

    bent.bend_list = only_once
    with pytest.raises(AmbiguousSubmit, match="was rejected"):
        submit(ledger, bent, order)
    assert states(ledger, order) == ["claimed"]


def test_broken_budget_is_told_before_anything_is_claimed(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest
) -> None:
    submit(ledger, bent, order)
    (slot,) = ledger.store.names("budget/")
    other = order.run.model_copy(update={"key": "e" * 64})
    ledger.store.create(slot.replace("0001.json", "0002.json"), b"{}")
    with pytest.raises(CorruptRecord):
        submit(ledger, bent, replace(order, run=other))
    assert ledger.history(other.key) == []
