"""Lists and details that do not say what one expects, about jobs that are paid."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from tests.sensor.aging import age, age_records
from tests.sensor.bent import bent
from tests.sensor.conftest import PutInFlight, look, moved
from tuneloop.clock import now
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.operations.status import duplicate_jobs
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.schemas.records import Abandoned, AnyTrainingRecord, CancelRequest, Failed, Held, RunRecord
from tuneloop.schemas.training import JobList, job_name
from tuneloop.sensor.inspection import mark_status_notified
from tuneloop.sensor.tick import TickResult

DETAILS = "/finetune/request/details"


def behind(url: str, emulator: EmulatorControl) -> SegmindProvider:
    return SegmindProvider(emulator.api_key, base_url=url)


def last(ledger: Ledger, run: RunRecord) -> AnyTrainingRecord:
    record = TrainingLog(ledger, run.key, 1).last
    assert record is not None
    return record


def test_job_is_known_by_its_id_whatever_the_list_calls_it(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    (run,) = put_in_flight(1)

    def renamed(rows: Any) -> Any:
        return [{**row, "name": "something else"} for row in rows]

    with bent(emulator.url, renamed) as url:
        tick = look(ledger, behind(url, emulator))
    assert last(ledger, run).state == "trained"
    assert moved(tick) == [run.flow_run]


def test_another_job_of_the_name_tells_nothing_about_the_one_that_is_followed(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    (run,) = put_in_flight(1)

    def another(rows: Any) -> Any:
        return [
            {**row, "id": "another", "finetune_id": "another", "status": "FAILED", "error_message": "no"}
            for row in rows
        ]

    with bent(emulator.url, another) as url:
        look(ledger, behind(url, emulator))
    assert last(ledger, run).state == "submitted"
    assert [double.job_id for double in duplicate_jobs(ledger)] == ["another"]


def test_row_that_is_shown_twice_is_one_job(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    (run,) = put_in_flight(1)
    with bent(emulator.url, lambda rows: [*rows, *rows]) as url:
        look(ledger, behind(url, emulator))
    assert last(ledger, run).state == "trained"
    assert duplicate_jobs(ledger) == []


def nothing(_: Any) -> Any:
    return []


def test_job_that_a_list_does_not_show_for_an_hour_is_asked_for_by_its_id(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    (run,) = put_in_flight(1)
    with bent(emulator.url, nothing) as url:
        assert moved(look(ledger, behind(url, emulator))) == []
        assert last(ledger, run).state == "submitted"
        age_records(ledger, run, timedelta(hours=2))
        assert moved(look(ledger, behind(url, emulator))) == [run.flow_run]
    assert last(ledger, run).state == "trained"


def test_job_that_is_gone_for_a_day_is_held_as_lost_and_goes_on_when_it_is_there_again(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    (run,) = put_in_flight(1)
    age_records(ledger, run, timedelta(hours=2))
    job = job_name(run.key, 1)
    trouble = f"inflight/{run.account.slug}/trouble/{job}"
    with bent(emulator.url, nothing) as url:
        emulator.inject(Fault("refuse", DETAILS, status=404, times=100))
        look(ledger, behind(url, emulator))
        assert ledger.store.exists(trouble)
        age(ledger, trouble, timedelta(hours=23))
        assert look(ledger, behind(url, emulator)).changes == []
        age(ledger, trouble, timedelta(hours=25))
        tick = look(ledger, behind(url, emulator))
        (change,) = tick.changes
        assert isinstance(change.record, Held)
        assert change.record.kind == "lost"
        (pending,) = tick.pending
        assert pending.awaits_review
        assert look(ledger, behind(url, emulator)).changes == []
    emulator.clear_faults()
    look(ledger, behind(emulator.url, emulator))
    assert last(ledger, run).state == "trained"


def asked_to_stop(ledger: Ledger, run: RunRecord, emulator: EmulatorControl) -> str:
    """Let a job look as if its provider had been asked to stop it. Returns its name."""
    job = job_name(run.key, 1)
    request = CancelRequest(created_at=now(), job_id=emulator.jobs()[0].id, flow_run=run.flow_run)
    ledger.create_record(f"cancelled-jobs/{job}/a-tick/request.json", request)
    return job


def test_job_that_was_to_stop_and_is_gone_for_a_day_has_stopped(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    (run,) = put_in_flight(1)
    job = asked_to_stop(ledger, run, emulator)
    age_records(ledger, run, timedelta(hours=2))
    with bent(emulator.url, nothing) as url:
        emulator.inject(Fault("refuse", DETAILS, status=404, times=100))
        look(ledger, behind(url, emulator))
        age(ledger, f"inflight/{run.account.slug}/trouble/{job}", timedelta(hours=25))
        tick = look(ledger, behind(url, emulator))
    end = last(ledger, run)
    assert isinstance(end, Abandoned)
    assert (end.paid, end.cancelled_run) == (True, run.flow_run)
    assert [pending.ended for pending in tick.pending] == [True]


def test_job_that_was_gone_for_some_hours_begins_anew_when_it_is_gone_again(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    emulator.progress(Progress.after_seconds(1e9))
    (run,) = put_in_flight(1)
    age_records(ledger, run, timedelta(hours=2))
    trouble = f"inflight/{run.account.slug}/trouble/{job_name(run.key, 1)}"
    with bent(emulator.url, nothing) as url:
        emulator.inject(Fault("refuse", DETAILS, status=404, times=1))
        look(ledger, behind(url, emulator))
        assert ledger.store.exists(trouble)
    look(ledger, behind(emulator.url, emulator))
    assert not ledger.store.exists(trouble)


def with_word(word: str) -> Any:
    return lambda rows: [{**row, "status": word} for row in rows]


def told(ledger: Ledger, tick: TickResult) -> list[str]:
    for odd in tick.unknown_statuses:
        mark_status_notified(ledger, odd)
    return [problem for problem in tick.problems if "unknown status" in problem]


def test_word_of_another_provider_is_asked_about_by_the_jobs_id(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    (run,) = put_in_flight(1)
    with bent(emulator.url, with_word("SHINY")) as url:
        tick = look(ledger, behind(url, emulator))
    assert (told(ledger, tick), last(ledger, run).state) == ([], "trained")


def test_word_that_nobody_knows_is_a_problem_once_and_is_held_after_a_day(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    (run,) = put_in_flight(1)
    asked_to_stop(ledger, run, emulator)  # what it says is no sign that it has
    emulator.inject(Fault("refuse", DETAILS, status=500, times=1000))
    with bent(emulator.url, with_word("SHINY")) as url:
        assert len(told(ledger, look(ledger, behind(url, emulator)))) == 1
        assert told(ledger, look(ledger, behind(url, emulator))) == []
        assert last(ledger, run).state == "submitted"
        age(ledger, f"inflight/{run.account.slug}/trouble/{job_name(run.key, 1)}", timedelta(hours=25))
        look(ledger, behind(url, emulator))
    record = last(ledger, run)
    assert isinstance(record, Held)
    assert "'SHINY'" in record.reason


class WithOddRows(SegmindProvider):
    """An account in whose list some rows cannot be read."""

    unreadable: ClassVar[dict[str, str]] = {}
    notes: ClassVar[tuple[str, ...]] = ()

    def list_jobs(self) -> JobList:
        listed = super().list_jobs()
        readable = tuple(job for job in listed.jobs if job.name not in self.unreadable)
        return listed.model_copy(update={"jobs": readable, "unreadable": self.unreadable, "notes": self.notes})


def test_one_job_that_cannot_be_read_is_a_problem_of_that_job_alone(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    first, second = put_in_flight(2)
    account = WithOddRows(emulator.api_key, base_url=emulator.url)
    WithOddRows.unreadable = {job_name(first.key, 1): "its status is null"}
    tick = look(ledger, account)
    assert moved(tick) == [second.flow_run]
    assert tick.problems == [f"{job_name(first.key, 1)}: its status is null"]


class WithoutStatesInItsList(SegmindProvider):
    """Is asked about each job by itself."""

    capabilities = SegmindProvider.capabilities.model_copy(update={"list_has_status": False})


def test_question_about_one_job_that_is_refused_is_a_problem_of_that_job_alone(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    runs = put_in_flight(2)
    emulator.inject(Fault("refuse", DETAILS, "GET", status=405))
    tick = look(ledger, WithoutStatesInItsList(emulator.api_key, base_url=emulator.url))
    (woken,) = moved(tick)
    (other,) = (run for run in runs if run.flow_run != woken)
    (problem,) = tick.problems
    assert problem.startswith(f"{job_name(other.key, 1)}: ")
    assert last(ledger, other).state == "submitted"


def test_key_that_is_refused_for_one_job_is_a_problem_of_the_account(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    (run, _) = put_in_flight(2)
    emulator.inject(Fault("refuse", DETAILS, "GET", status=401))
    tick = look(ledger, WithoutStatesInItsList(emulator.api_key, base_url=emulator.url))
    (problem,) = tick.problems
    assert problem.startswith(run.account.slug)
    assert moved(tick) == []


def test_rows_of_strangers_are_noted_once_a_day(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    (run,) = put_in_flight(1)
    account = WithOddRows(emulator.api_key, base_url=emulator.url)
    WithOddRows.unreadable, WithOddRows.notes = {}, ("row 7 has no name",)
    assert [look(ledger, account).notes for _ in range(2)] == [[f"{run.account.slug}: row 7 has no name"], []]


@pytest.mark.parametrize("word", ["RETRIED", "AVAILABLE"])
def test_job_that_lives_on_after_a_bad_end_is_followed_again_and_told(
    word: str, put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    (run,) = put_in_flight(1)
    with bent(emulator.url, with_word("FAILED")) as url:
        look(ledger, behind(url, emulator))
    assert isinstance(last(ledger, run), Failed)
    ledger.unmark(run)
    with bent(emulator.url, with_word(word)) as url:
        tick = look(ledger, behind(url, emulator))
        assert [item.run.flow_run for item in tick.revived] == [run.flow_run]
        assert len(tick.problems) == 1
        assert look(ledger, behind(url, emulator)).problems == []
    assert ledger.is_marked(run)
    look(ledger, behind(emulator.url, emulator))
    assert last(ledger, run).state == "trained"


def test_word_that_nobody_knows_revives_no_job(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    (run,) = put_in_flight(1)
    with bent(emulator.url, with_word("FAILED")) as url:
        look(ledger, behind(url, emulator))
    ledger.unmark(run)
    with bent(emulator.url, with_word("ARCHIVED")) as url:
        look(ledger, behind(url, emulator))
    assert isinstance(last(ledger, run), Failed)
