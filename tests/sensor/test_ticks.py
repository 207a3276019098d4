"""What a tick asks, writes down and remembers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.sensor.aging import age_marker
from tests.sensor.conftest import PutInFlight, look, moved
from tests.wire.exchanges import exchange
from tests.wire.replay import replaying
from tuneloop.clock import now
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.registry import ADOPTED
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.schemas.recipe_fields import Cadence
from tuneloop.schemas.records import RunRecord, Submitted
from tuneloop.sensor.inspection import mark_overdue_notified, mark_status_notified
from tuneloop.sensor.poll import poll_all
from tuneloop.sensor.queries import is_due
from tuneloop.storage.local import LocalDirectory

LIST = "/finetune/request/list"


def lists(emulator: EmulatorControl) -> int:
    return sum(request.path == LIST for request in emulator.requests())


@pytest.mark.parametrize("count", [1, 30])
def test_one_list_call_asks_about_any_number_of_trainings(
    count: int, put_in_flight: PutInFlight, ledger: Ledger, provider: SegmindProvider, emulator: EmulatorControl
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    put_in_flight(count)
    before = len(emulator.requests())
    tick = look(ledger, provider)
    assert [request.path for request in emulator.requests()[before:]] == [LIST]
    assert (tick.in_flight, moved(tick), sum(tick.states.values())) == (count, [], count)


def test_burst_of_endings_is_written_down_in_one_tick_and_told_once(
    put_in_flight: PutInFlight, ledger: Ledger, provider: SegmindProvider, emulator: EmulatorControl
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    runs = put_in_flight(40)
    emulator.progress(Progress.at_once())
    first = look(ledger, provider)
    assert {TrainingLog(ledger, run.key, 1).last.state for run in runs} == {"trained"}  # type: ignore[union-attr]
    assert len(first.changes) == 40
    second = look(ledger, provider)
    assert second.changes == []
    assert moved(second) == moved(first) == sorted(run.flow_run for run in runs)


def test_account_that_asks_to_be_left_alone_is_left_alone_until_its_time_is_over(
    put_in_flight: PutInFlight, ledger: Ledger, provider: SegmindProvider, emulator: EmulatorControl
) -> None:
    put_in_flight(1)
    emulator.inject(Fault("refuse", LIST, status=429))
    assert "too many requests" in " ".join(look(ledger, provider).notes)
    asked = lists(emulator)
    assert "paused until" in " ".join(look(ledger, provider).notes)
    assert lists(emulator) == asked
    (pause,) = [name for name in ledger.store.names("inflight/") if "paused-until" in name]
    ledger.store.delete_marker(pause)
    ledger.store.create(pause.rpartition("/")[0] + "/1", b"")
    assert len(look(ledger, provider).changes) == 1
    assert not [name for name in ledger.store.names("inflight/") if "paused-until" in name]


@pytest.mark.parametrize("minutes", [1, 2, 5, 10, 15])
def test_every_rhythm_of_the_sensor_asks_about_every_training_within_a_pause_or_a_tick(minutes: int) -> None:
    start = datetime(2026, 11, 21, tzinfo=UTC)
    for number in range(200):
        asked = [
            tick
            for tick in range(1, 24 * 60 // minutes)
            if is_due(
                f"account-{number}",
                12 * 3600,
                start + timedelta(minutes=minutes * tick),
                start + timedelta(minutes=minutes * (tick - 1)),
                Cadence(),
            )
        ]
        gaps = [after - before for before, after in pairwise([0, *asked])]
        assert max(gaps) * minutes <= 10 + minutes
        assert len(asked) <= 24 * 60 / 10 + 1


def test_old_training_is_asked_about_less_often_than_a_young_one(
    put_in_flight: PutInFlight, ledger: Ledger, provider: SegmindProvider, emulator: EmulatorControl
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    (run,) = put_in_flight(1)

    def look_of(tick: timedelta) -> int:
        before = lists(emulator)
        poll_all(ledger, lambda _: provider, now() - tick)
        return lists(emulator) - before

    assert look_of(timedelta(seconds=61)) == 1
    age_marker(ledger, run, timedelta(hours=8))
    assert look_of(timedelta(seconds=601)) == 1
    # Ten looks of a second each: a pause of ten minutes ends at most in one of them.
    assert sum(look_of(timedelta(seconds=1)) for _ in range(10)) <= 1


def test_overdue_training_is_told_once(
    put_in_flight: PutInFlight, ledger: Ledger, provider: SegmindProvider, emulator: EmulatorControl
) -> None:
    emulator.progress(Progress.after_seconds(1e9))
    first, _second = put_in_flight(2)
    age_marker(ledger, first, timedelta(hours=25))
    for _ in range(2):
        # Told again until somebody has: a tick may die before it tells.
        tick = look(ledger, provider)
        assert [run.flow_run for run in tick.overdue] == [first.flow_run]
    mark_overdue_notified(ledger, first, f"{first.key[:16]}-g1")
    assert look(ledger, provider).overdue == []


def test_unreadable_run_file_keeps_no_other_run_asleep(
    put_in_flight: PutInFlight, ledger: Ledger, provider: SegmindProvider
) -> None:
    runs = put_in_flight(3)
    assert isinstance(ledger.store, LocalDirectory)
    for run in runs[:1]:
        Path(ledger.store.uri.removeprefix("file://"), "runs", f"{run.flow_run}.json").write_text("{}")
    tick = look(ledger, provider)
    assert moved(tick) == [run.flow_run for run in runs[1:]]
    assert runs[0].flow_run in " ".join(tick.problems)


def test_run_that_has_marked_and_not_claimed_is_only_looked_after(
    ledger: Ledger, provider: SegmindProvider, run: RunRecord
) -> None:
    ledger.mark(ledger.save_run(run))
    tick = look(ledger, provider)
    assert [(pending.run.flow_run, pending.submitting) for pending in tick.pending] == [(run.flow_run, True)]


def test_no_recipe_is_overdue_sooner_than_ticks_look_for() -> None:
    for recipe in ADOPTED.values():
        assert recipe.cadence.overdue_s >= Cadence().overdue_s


def test_fifty_invented_status_words_count_as_running_and_are_each_told_once(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    runs = put_in_flight(50)
    documented = exchange("segmind", "the list")
    jobs = []
    for number, run in enumerate(runs):
        last = TrainingLog(ledger, run.key, 1).last
        assert isinstance(last, Submitted)
        jobs.append(
            {
                **documented.response.body[0],
                "name": last.name,
                "finetune_id": last.job_id,
                "status": f"STATE_{number}",
            }
        )
    answer = replace(documented, response=replace(documented.response, body=jobs))
    told = []
    for _ in range(2):
        with replaying(answer) as replay:
            tick = look(ledger, SegmindProvider("SG_0123456789abcdef", base_url=replay.url))
        told += [problem for problem in tick.problems if "unknown status" in problem]
        assert moved(tick) == []
        for odd in tick.unknown_statuses:
            mark_status_notified(ledger, odd)
    assert len(told) == 50
    emulator.progress(Progress.at_once())
    after = look(ledger, SegmindProvider(emulator.api_key, base_url=emulator.url))
    assert len(after.changes) == 50
