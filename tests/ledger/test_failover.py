"""When a second trainer takes the place of the first one, and when never."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.ledger.bent import BentProvider
from tests.ledger.test_attempts import second_of
from tests.ledger.test_earlier_jobs import LIST
from tests.ledger.test_lost import shown
from tests.ledger.test_submission import SUBMIT, old_claim, trainings
from tests.sensor.aging import age, age_refusal
from tuneloop.clock import Deadline
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.errors import (
    AuthenticationFailed,
    BudgetExceeded,
    DatasetError,
    InsufficientCredits,
    NotFoundAtProvider,
    PresignedUrlExpired,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RecordConflict,
    RequestRejected,
    TrainerRetired,
    TrainingFailed,
)
from tuneloop.ledger.attempts import choose_attempt
from tuneloop.ledger.failover import close, closed, unsettled_refusal, why_fall_back
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.submission import SubmitRequest, submit_training
from tuneloop.ledger.training import TrainingLog, record_progress
from tuneloop.schemas.records import Abandoned, RunRecord
from tuneloop.schemas.training import JobList

DAY = timedelta(days=1)
RETIRED = TrainerRetired("it is deprecated")
ENDED = TrainingFailed("the run's end")


def error(kind: type[ProviderError], status: int) -> ProviderError:
    return kind("it said so", provider="segmind", status=status)


def why(bent: BentProvider, ledger: Ledger, run: RunRecord, cause: Exception) -> str | None:
    return why_fall_back(bent, TrainingLog.of(ledger, run), cause, DAY)


def refuse(
    bent: BentProvider, ledger: Ledger, order: SubmitRequest, emulator: EmulatorControl, status: int
) -> None:
    emulator.inject(Fault("refuse", SUBMIT, "POST", status=status))
    with suppress(ProviderError):
        submit_training(bent, TrainingLog.of(ledger, order.run), order)
    assert [record.state for record in ledger.history(order.run.key)] == ["claimed", "rejected"]


@pytest.mark.parametrize(
    ("cause", "says"),
    [
        (RETIRED, "is retired: it is deprecated"),
        (error(RequestRejected, 422), "rejects it: it said so"),
        (error(RequestRejected, 410), "rejects it: it said so"),
    ],
)
def test_trainer_that_is_retired_or_refuses_before_the_claim_is_replaced(
    cause: Exception, says: str, bent: BentProvider, ledger: Ledger, run: RunRecord
) -> None:
    assert (why(bent, ledger, run, cause) or "").startswith(says)


@pytest.mark.parametrize(
    "cause",
    [
        error(AuthenticationFailed, 401),
        error(InsufficientCredits, 402),
        error(NotFoundAtProvider, 404),
        error(RateLimited, 429),
        error(PresignedUrlExpired, 403),
        error(RequestRejected, 413),
        error(RequestRejected, 409),
        RequestRejected("of a champion's service", provider="elsewhere", status=422),
        DatasetError("damaged"),
        BudgetExceeded("spent"),
        ENDED,
    ],
    ids=lambda cause: f"{type(cause).__name__} {getattr(cause, 'status', '')}",
)
def test_wrong_keys_budgets_and_datasets_are_for_a_person(
    cause: Exception, bent: BentProvider, ledger: Ledger, run: RunRecord
) -> None:
    # However long it has been so.
    assert why_fall_back(bent, TrainingLog.of(ledger, run), cause, timedelta(0)) is None


def test_submit_that_was_refused_is_waited_for_until_it_would_be_shown(
    bent: BentProvider, ledger: Ledger, run: RunRecord, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    refuse(bent, ledger, order, emulator, 410)
    assert unsettled_refusal(TrainingLog.of(ledger, run)) is not None
    assert why(bent, ledger, run, ENDED) is None
    age_refusal(ledger, run)
    assert unsettled_refusal(TrainingLog.of(ledger, run)) is None
    assert "rejects it: this model or service has been retired" in (why(bent, ledger, run, ENDED) or "")


@pytest.mark.parametrize("status", [402, 429])
def test_submit_that_was_refused_for_the_account_is_no_reason(
    status: int,
    bent: BentProvider,
    ledger: Ledger,
    run: RunRecord,
    order: SubmitRequest,
    emulator: EmulatorControl,
) -> None:
    refuse(bent, ledger, order, emulator, status)
    age_refusal(ledger, run)
    assert why(bent, ledger, run, ENDED) is None


@pytest.mark.parametrize("last", ["claimed", "held", "submitted", "trained"])
def test_second_trainer_is_never_used_while_a_submit_is_in_doubt_or_accepted(
    last: str, bent: BentProvider, ledger: Ledger, run: RunRecord, order: SubmitRequest
) -> None:
    if last in {"claimed", "held"}:
        ledger.append(run.key, None, old_claim(run, DAY))
    else:
        submit_training(bent, TrainingLog.of(ledger, run), order)
    if last == "held":
        TrainingLog.of(ledger, run).hold("uncertain", "nobody knows")
    elif last == "trained":
        record_progress(
            ledger, run, bent.get_job(TrainingLog.of(ledger, run).submission(bent.list_jobs().jobs[0].job_id))
        )
    training = TrainingLog.of(ledger, run)
    assert training.last is not None
    assert training.last.state == last
    for cause in (RETIRED, error(RequestRejected, 422), error(ProviderUnavailable, 503)):
        assert why_fall_back(bent, training, cause, timedelta(0)) is None
    assert close(training, run, "whatever") is None


def test_job_that_no_record_follows_keeps_the_second_trainer_away(
    bent: BentProvider, ledger: Ledger, run: RunRecord, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    name = TrainingLog.of(ledger, run).name
    bent.submit(name, order.recipe, order.dataset, Deadline(60))
    assert why(bent, ledger, run, RETIRED) is None
    bent.bend_list = lambda _: JobList(unreadable={name: "it has no status"})
    assert why(bent, ledger, run, RETIRED) is None
    emulator.inject(Fault("refuse", LIST, status=401))
    with pytest.raises(AuthenticationFailed):
        why(bent, ledger, run, RETIRED)


def test_failed_job_that_lives_keeps_the_second_trainer_away_though_the_list_lacks_it(
    bent: BentProvider, ledger: Ledger, run: RunRecord, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    job_id = submit_training(bent, TrainingLog.of(ledger, run), order).job_id
    record_progress(ledger, run, shown(run, "failed", job_id))
    second = second_of(run)
    assert why(bent, ledger, second, RETIRED) is None
    bent.bend_list = lambda _: JobList()
    assert why(bent, ledger, second, RETIRED) is None
    emulator.fail_job(job_id, "out of memory")
    assert "is retired" in (why(bent, ledger, second, RETIRED) or "")


def test_provider_is_down_for_as_long_as_the_first_run_has_found_it_so(
    bent: BentProvider, ledger: Ledger, run: RunRecord
) -> None:
    down = error(ProviderUnavailable, 503)
    assert why(bent, ledger, run, down) is None
    (marker,) = ledger.store.names("unreached/")
    age(ledger, marker, timedelta(hours=23))
    assert why(bent, ledger, run, down) is None
    age(ledger, marker, timedelta(hours=25))
    assert "has been down since" in (why(bent, ledger, run, down) or "")
    # The sensor closes an attempt that nobody has claimed for a day: the next one waits no longer for that.
    training = TrainingLog.of(ledger, run)
    training.append_failure(run, Abandoned(**training.header(), reason="never claimed", paid=False))
    assert "has been down since" in (why(bent, ledger, second_of(run), down) or "")


def test_closed_training_is_submitted_by_nobody_until_a_person_gives_a_reason(
    bent: BentProvider, ledger: Ledger, run: RunRecord, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    stands_still = TrainingLog.of(ledger, run)
    assert closed(ledger, run) is None
    end = close(TrainingLog.of(ledger, run), run, "is retired: …")
    assert end is not None
    assert end.reason == "flux-lora at segmind.default is retired: …"
    assert closed(ledger, run) == end
    with pytest.raises(RecordConflict):
        submit_training(bent, stands_still, order)
    assert trainings(emulator) == 0
    assert choose_attempt(ledger, run.key, None) == 1
    assert choose_attempt(ledger, run.key, "it is back") == 2
    # What that run meets is another matter.
    assert closed(ledger, run.model_copy(update={"attempt": 2})) is None


def test_refused_training_is_closed_at_the_attempt_that_another_run_could_begin(
    bent: BentProvider, ledger: Ledger, run: RunRecord, order: SubmitRequest, emulator: EmulatorControl
) -> None:
    refuse(bent, ledger, order, emulator, 410)
    age_refusal(ledger, run)
    following = TrainingLog(ledger, run.key, 2)
    end = close(TrainingLog.of(ledger, run), run, "rejects it")
    assert end is not None
    assert (end.attempt, closed(ledger, run)) == (2, end)
    with pytest.raises(RecordConflict):
        submit_training(bent, following, replace(order, run=run.model_copy(update={"attempt": 2})))
    assert trainings(emulator) == 0
