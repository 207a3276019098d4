"""Prefect's database is gone, and its server starts with an empty one: docs/operating.md says what to do then."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.events.worker import EventsWorker
from prefect.filesystems import LocalFileSystem

from blocks.segmind_credentials import SegmindCredentials
from tests.conftest import SERVER_PYTHON, draw_images
from tests.flows.bill import Bill
from tests.flows.runs import here, start, tick, wait_for
from tests.waiting import LIMIT_S, relying_on, wait_until
from tuneloop.demo.stack import Stack, running_stack
from tuneloop.emulator import Progress
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.credentials import SpendingGuard
from tuneloop.storage.local import LocalDirectory

pytestmark = pytest.mark.long  # an installation of its own


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Stack]:
    """An installation whose database may be lost."""
    with (
        running_stack(tmp_path / "installation", "local", server_python=SERVER_PYTHON) as running,
        relying_on(running.processes),
    ):
        EventsWorker.drain_all()  # it stays with the server that this process spoke to first
        running.emulator.progress(Progress.at_once())
        save_the_blocks(running)
        yield running
        EventsWorker.drain_all()  # while somebody takes them


def command(stack: Stack, *words: str) -> tuple[int, str]:
    """Run a command in the project. Returns its exit code, and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "tuneloop.cli.app", *words],
        cwd=stack.folder / "project",
        env={**stack.processes.environment, "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    return done.returncode, done.stdout + done.stderr


def lose_the_database(stack: Stack) -> None:
    """Kill the server, and start it again without what it has kept."""
    stack.processes.end("server", kill=True)
    files = list((stack.folder / "prefect").glob("prefect.db*"))
    assert files
    for file in files:
        file.unlink()
    stack.start_server()


def save_the_blocks(stack: Stack) -> None:
    """Save the blocks, at first and as they were."""
    LocalFileSystem(basepath=str(stack.folder / "store")).save("tuneloop", overwrite=True)
    key, url = stack.emulator.api_key, stack.emulator.url
    two = SpendingGuard(trainings_per_day=2)
    SegmindCredentials(api_key=key, base_url=url, spending=two).save("default", overwrite=True)


def on_hold() -> list[FlowRun]:
    """The runs that ask for an approval."""
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(any_=["on-hold"])))


def test_what_was_paid_is_finished_and_nothing_is_paid_again(
    own: Stack, wish: dict[str, Any], tmp_path: Path
) -> None:
    ledger, bill = Ledger(LocalDirectory(own.folder / "store")), Bill(own.emulator)
    finished = {**wish, "model": "finished", "dataset": str(draw_images(tmp_path / "finished", shade=77))}
    assert here(finished).name == "Completed"
    own.emulator.progress(Progress.after_seconds(3600))
    run = start(wish)
    wait_for(run, "Suspended")
    held = {**wish, "model": "held", "dataset": str(draw_images(tmp_path / "held", shade=78))}
    asking = start(held)
    wait_for(asking, "Suspended")
    assert [item.id for item in on_hold()] == [asking]
    assert len(bill.trainings) == 2

    lose_the_database(own)
    code, said = command(own, "deploy")
    assert code == 0
    assert "is not deployed yet" in said
    save_the_blocks(own)
    code, said = command(own, "deploy")
    assert code != 0
    assert f"tuneloop store move {own.store_slug}" in said
    assert command(own, "store", "move", own.store_slug)[0] == 0
    code, said = command(own, "deploy")
    assert (code, "is not deployed yet" in said) == (0, False), said

    own.emulator.progress(Progress.at_once())
    tick(own.store_slug)
    wait_until("another run has finished the model", lambda: ledger.champion(wish["model"]))
    wait_until("only what asks is left", lambda: [str(asking)] == [item.flow_run for item in ledger.markers()])
    wait_until("it asks again", on_hold)
    assert here(finished).name == "Cached"
    assert len(bill.trainings) == 2
