"""What is wrong with one account, block or file stays with it, and is told."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from tests.sensor.aging import age, folder_of
from tests.sensor.conftest import PutInFlight, look, moved
from tests.waiting import LIMIT_S
from tuneloop.clock import now
from tuneloop.emulator import EmulatorControl, Fault
from tuneloop.errors import ConfigurationError
from tuneloop.http.retries import TICK_POLICY
from tuneloop.ledger.accounts import MAX_PAUSE, AccountMarks
from tuneloop.ledger.ledger import Ledger
from tuneloop.providers.base import Provider
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.training import Account, JobList
from tuneloop.sensor.poll import poll_all

LIST = "/finetune/request/list"


def elsewhere(ledger: Ledger, run: RunRecord, label: str, credentials: str) -> RunRecord:
    """A run of another account, in the same store."""
    account = Account(provider="segmind", label=label)
    flow_run = f"00000000-0000-0000-0001-{len(label):012d}"
    mine = run.model_copy(
        update={"account": account, "credentials": credentials, "flow_run": flow_run, "key": "e" * 64}
    )
    ledger.mark(ledger.save_run(mine))
    return mine


@pytest.mark.parametrize(
    "error",
    [
        UnicodeEncodeError("latin-1", "SG_\u200b", 3, 4, "ordinal not in range"),
        OverflowError("date value out of range"),
    ],
)
def test_account_that_cannot_be_asked_keeps_no_other_one_asleep(
    error: Exception, put_in_flight: PutInFlight, ledger: Ledger, provider: SegmindProvider
) -> None:
    (run,) = put_in_flight(1)
    elsewhere(ledger, run, "broken", "segmind-credentials/broken")

    def opened(slug: str) -> Provider:
        if slug.endswith("broken"):
            raise error
        return provider

    tick = poll_all(ledger, opened)
    assert moved(tick) == [run.flow_run]
    (problem,) = tick.problems
    assert problem.startswith("segmind.broken: ")


def test_account_that_announced_a_change_is_due_at_once_and_no_other_one(
    put_in_flight: PutInFlight, ledger: Ledger, provider: SegmindProvider
) -> None:
    runs = put_in_flight(2)
    a_moment_ago, requests_before = now(), provider.requests_made
    other = poll_all(ledger, lambda _: provider, a_moment_ago, account="segmind.other")
    assert (other.in_flight, moved(other), provider.requests_made) == (2, [], requests_before)
    mine = poll_all(ledger, lambda _: provider, a_moment_ago, account=provider.account.slug)
    assert moved(mine) == [marker.flow_run for marker in mine.markers] == [run.flow_run for run in runs]


def test_every_block_that_runs_of_an_account_name_is_tried(
    put_in_flight: PutInFlight, ledger: Ledger, provider: SegmindProvider, run: RunRecord
) -> None:
    renewed = run.model_copy(update={"credentials": "segmind-credentials/a-deleted-one", "key": "0" * 64})
    ledger.mark(ledger.save_run(renewed))
    runs = put_in_flight(1)

    def opened(slug: str) -> Provider:
        if slug.endswith("deleted-one"):
            raise ConfigurationError(f"there is no block {slug}")
        return provider

    tick = poll_all(ledger, opened)
    assert moved(tick) == [item.flow_run for item in runs]
    assert tick.problems == []
    assert "there is no block" in " ".join(tick.notes)


def test_key_that_is_refused_is_not_the_end_where_another_block_has_a_good_one(
    put_in_flight: PutInFlight,
    ledger: Ledger,
    emulator: EmulatorControl,
    provider: SegmindProvider,
    run: RunRecord,
) -> None:
    old = run.model_copy(update={"credentials": "segmind-credentials/old", "key": "0" * 64})
    ledger.mark(ledger.save_run(old))
    runs = put_in_flight(1)
    revoked = SegmindProvider("SG_ffffffffffffffff", base_url=emulator.url)
    tick = poll_all(ledger, lambda slug: revoked if slug.endswith("/old") else provider)
    assert moved(tick) == [item.flow_run for item in runs]


def test_block_that_has_become_another_account_is_not_believed(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    put_in_flight(1)
    other = SegmindProvider(emulator.api_key, "other", emulator.url)
    tick = look(ledger, other)
    assert "is segmind.other now" in " ".join(tick.problems)
    assert tick.changes == []


@pytest.mark.parametrize("wait", [4_070_908_799.0, 1_764_316_800_000.0, float("inf"), float("nan"), -5.0])
def test_no_header_keeps_an_account_unasked_for_more_than_an_hour(ledger: Ledger, wait: float) -> None:
    marks, at = AccountMarks(ledger, "segmind.default"), now()
    assert at < marks.pause(at, wait) <= at + MAX_PAUSE
    assert marks.paused_until(at + MAX_PAUSE + timedelta(seconds=1)) is None


def test_pause_that_was_kept_for_decades_is_forgotten(ledger: Ledger) -> None:
    marks = AccountMarks(ledger, "segmind.default")
    kept = datetime(2099, 1, 1, tzinfo=UTC).timestamp()
    ledger.store.create(f"inflight/segmind.default/paused-until/{kept:.0f}", b"")
    assert marks.paused_until(now()) is None
    assert list(ledger.store.names("inflight/")) == []


def test_stray_file_beside_the_pauses_is_named_and_hinders_nobody(
    put_in_flight: PutInFlight, ledger: Ledger, provider: SegmindProvider
) -> None:
    runs = put_in_flight(1)
    stray = f"inflight/{runs[0].account.slug}/paused-until/1764300000.sync-conflict"
    ledger.store.create(stray, b"")
    assert moved(look(ledger, provider)) == [runs[0].flow_run]
    assert AccountMarks(ledger, runs[0].account.slug).strays() == [stray]


def test_account_that_is_not_reached_for_an_hour_is_a_problem_until_it_is(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    (run,) = put_in_flight(1)
    emulator.inject(Fault("refuse", LIST, status=503, times=1000))
    patient = SegmindProvider(emulator.api_key, base_url=emulator.url, policy=TICK_POLICY)
    assert look(ledger, patient).problems == []
    age(ledger, f"inflight/{run.account.slug}/trouble/unreached", timedelta(hours=2))
    tick = look(ledger, patient)
    assert "could not be reached since" in " ".join(tick.problems)
    assert [item.account for item in tick.unreached] == [run.account.slug]
    emulator.clear_faults()
    assert look(ledger, patient).problems == []
    assert not ledger.store.exists(f"inflight/{run.account.slug}/trouble/unreached")


def test_account_whose_provider_hangs_keeps_no_other_one_waiting(
    put_in_flight: PutInFlight, ledger: Ledger, emulator: EmulatorControl
) -> None:
    (run,) = put_in_flight(1)
    elsewhere(ledger, run, "a-hanging", "segmind-credentials/a-hanging")
    asked = threading.Event()

    class Hanging(SegmindProvider):
        def list_jobs(self) -> JobList:
            # Is asked first, and answers only when the other one has been asked.
            assert asked.wait(LIMIT_S)
            return super().list_jobs()

    class Answering(SegmindProvider):
        def list_jobs(self) -> JobList:
            asked.set()
            return super().list_jobs()

    hanging = Hanging(emulator.api_key, "a-hanging", emulator.url)
    answering = Answering(emulator.api_key, base_url=emulator.url)
    tick = poll_all(ledger, lambda slug: hanging if slug.endswith("hanging") else answering)
    assert tick.problems == []


def test_marker_beside_which_a_stray_file_lies_is_served(
    put_in_flight: PutInFlight, ledger: Ledger, provider: SegmindProvider
) -> None:
    (run,) = put_in_flight(1)
    (marker,) = list(ledger.markers())
    (folder_of(ledger) / f"{marker.name}.sync-conflict").write_text("")
    assert moved(look(ledger, provider)) == [run.flow_run]
