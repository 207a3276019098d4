"""Programs that are killed, and what is paid for nevertheless."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.bill import Bill
from tests.flows.runs import (
    LOOK,
    SUBMIT,
    here,
    look,
    nudge_sensor,
    process_of,
    run_of,
    sensor_paused,
    start,
    wait_for,
)
from tests.waiting import wait_until
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import Submitted


def test_suspended_run_outlives_the_worker_and_the_server(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], bill: Bill
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    run = start(wish)
    told = wait_for(run, "Suspended").message or ""
    assert "Waiting for segmind to train" in told
    assert "watch-trainings polls next at" in told
    # A tick that is killed on its way would stay there, and other tests wait until none is.
    with sensor_paused():
        try:
            stack.processes.end("worker", kill=True)
            stack.processes.end("server", kill=True)
        finally:
            stack.start_server()
            stack.start_worker()
    assert look(run).name == "Suspended"
    emulator.progress(Progress.at_once())
    assert nudge_sensor().is_completed()
    wait_for(run, "Completed")
    assert len(bill.trainings) == 1


@pytest.mark.parametrize(
    ("unanswered", "found_by"),
    [
        pytest.param(SUBMIT, "list", id="before it has read the answer to its submit"),
        pytest.param(LOOK, "answer", id="after its submit"),
    ],
)
def test_next_run_carries_on_where_one_was_killed_and_pays_no_second_time(
    unanswered: str,
    found_by: str,
    stack: Stack,
    emulator: EmulatorControl,
    wish: dict[str, Any],
    bill: Bill,
    ledger: Ledger,
) -> None:
    emulator.inject(Fault("slow", unanswered, delay_s=300))
    # A tick in between would find the job as well, and leave nothing to be found out by the next run.
    with sensor_paused():
        run = start(wish)
        wait_until("the run waits for an answer", lambda: bool(bill.trainings) and unanswered in bill.paths)
        process_of(stack, run).kill()
        wait_for(run, "Crashed")
        following = here(wish)
    assert following.name == "Completed"
    assert len(bill.trainings) == 1
    work = ledger.run(str(run_of(following)))
    assert work is not None
    (submitted,) = [record for record in ledger.history(work.key) if isinstance(record, Submitted)]
    assert submitted.found_by == found_by
