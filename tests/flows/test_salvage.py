"""Runs that are gone, and what becomes of the trainings they have paid for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Crashed

from tests.flows.bill import Bill
from tests.flows.runs import here, look, process_of, start, tick, wait_for
from tests.sensor.aging import age
from tests.waiting import wait_until
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import RunRecord


def sleeping(wish: dict[str, Any], emulator: EmulatorControl, ledger: Ledger) -> tuple[UUID, RunRecord]:
    """A suspended run whose training goes on."""
    emulator.progress(Progress.after_seconds(3600))
    run = start(wish)
    wait_for(run, "Suspended")
    work = ledger.run(str(run))
    assert work is not None
    assert ledger.history(work.key)[-1].state == "submitted"
    return run, work


def continuing(run: UUID) -> list[UUID]:
    """The runs that were started to continue another one."""
    tags = FlowRunFilterTags(any_=[f"continues:{run}"])
    with get_client(sync_client=True) as client:
        return [found.id for found in client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=tags))]


def is_marked(ledger: Ledger, work: RunRecord) -> bool:
    return any(marker.flow_run == work.flow_run for marker in ledger.markers())


def end_as(run: UUID, how: str) -> None:
    """Let a run be gone."""
    with get_client(sync_client=True) as client:
        if how == "deleted":
            client.delete_flow_run(run)
        else:
            state: State[Any] = Crashed() if how == "crashed" else Cancelled()
            client.set_flow_run_state(run, state, force=True)


@pytest.mark.parametrize("how", ["crashed", "deleted"])
def test_training_of_a_run_that_is_gone_is_brought_home_and_promoted_by_another_run(
    how: str, stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    run, work = sleeping(wish, emulator, ledger)
    end_as(run, how)
    tick(stack.store_slug)
    assert continuing(run) == [], "nothing is to be continued while the provider trains"
    emulator.progress(Progress.at_once())
    for _ in range(2):
        tick(stack.store_slug)
    (other,) = continuing(run)
    wait_for(other, "Completed")
    assert len(bill.trainings) == 1
    champion = ledger.champion(work.model)
    assert champion is not None
    assert champion.key == work.key
    assert not is_marked(ledger, work)


def test_cancelled_runs_training_is_collected_and_never_judged(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    run, work = sleeping(wish, emulator, ledger)
    end_as(run, "cancelled")
    emulator.progress(Progress.at_once())
    tick(stack.store_slug)
    (other,) = continuing(run)
    assert "is not evaluated" in (wait_for(other, "Completed").message or "")
    assert ledger.history(work.key)[-1].state == "collected"
    assert [decision.verdict for decision in ledger.decisions(work)] == ["abandoned"]
    assert ledger.champion(work.model) is None
    assert bill.images == 0
    assert not is_marked(ledger, work)
    # The next scheduled run was cancelled by nobody: it judges what is in the store, and pays no training.
    assert here(wish).name == "Completed"
    assert len(bill.trainings) == 1
    assert ledger.champion(work.model) is not None


def test_continuing_run_that_dies_is_continued_itself(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    run, work = sleeping(wish, emulator, ledger)
    end_as(run, "deleted")
    emulator.progress(Progress.at_once())
    emulator.inject(Fault("slow", "/s3/", "GET", delay_s=300))
    seen = len(bill.paths)
    tick(stack.store_slug)
    (other,) = continuing(run)
    wait_until("it downloads", lambda: any(path.startswith("/s3/") for path in bill.paths[seen:]))
    process_of(stack, other).kill()
    wait_for(other, "Crashed")
    emulator.clear_faults()
    tick(stack.store_slug)
    assert continuing(run) == [other], "the second try comes after a pause"
    (made,) = ledger.store.names(f"continued/{work.model}/")
    age(ledger, made, timedelta(hours=1))
    tick(stack.store_slug)
    (third,) = set(continuing(run)) - {other}
    wait_for(third, "Completed")
    assert len(bill.trainings) == 1
    assert ledger.champion(work.model) is not None


def test_run_that_is_gone_at_the_end_of_its_story_only_loses_its_marker(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], ledger: Ledger
) -> None:
    run, work = sleeping(wish, emulator, ledger)
    end_as(run, "deleted")
    emulator.progress(Progress.at_once())
    assert here(wish).name == "Completed"
    tick(stack.store_slug)
    assert not is_marked(ledger, work)


def test_provider_that_is_down_for_a_while_only_delays(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    run, work = sleeping(wish, emulator, ledger)
    emulator.progress(Progress.at_once())
    emulator.inject(Fault("refuse", "/finetune/request/list", status=503, times=50))
    assert tick(stack.store_slug).is_completed()
    assert ledger.history(work.key)[-1].state == "submitted"
    emulator.clear_faults()
    tick(stack.store_slug)
    wait_for(run, "Completed")
    assert len(bill.trainings) == 1


@pytest.mark.long
def test_continuing_run_that_sleeps_at_the_end_of_its_story_is_woken_to_end_it(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], ledger: Ledger
) -> None:
    run, work = sleeping(wish, emulator, ledger)
    end_as(run, "deleted")
    emulator.progress(Progress.after_seconds(INFERENCE_QUEUED=3600))
    tick(stack.store_slug)
    (other,) = continuing(run)
    wait_for(other, "Suspended")
    emulator.progress(Progress.at_once())
    assert here(wish).name == "Completed"
    tick(stack.store_slug)
    wait_until("it has ended", lambda: look(other).is_completed())
    assert not is_marked(ledger, work)
