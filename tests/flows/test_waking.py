"""How a run waits, and what wakes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from prefect.filesystems import LocalFileSystem

from blocks.segmind_credentials import SegmindCredentials
from tests.flows.bill import Bill
from tests.flows.runs import LOOK, here, log_of, look, process_of, run_of, start, tick, wait_for
from tests.waiting import wait_until
from tests.wire.exchanges import exchange
from tests.wire.replay import replaying
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.submission import SubmitRequest, submit_training
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration.blocks import open_store
from tuneloop.orchestration.stores import init_store
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.records import RunRecord, Submitted
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import job_name


def test_training_that_ends_before_its_run_is_suspended_is_woken_by_a_later_tick(
    stack: Stack, emulator: EmulatorControl, wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    emulator.progress(Progress.after_seconds(3600))
    emulator.inject(Fault("slow", LOOK, "GET", delay_s=2))
    run = start(wish)
    wait_until("the run looks at its training", lambda: LOOK in bill.paths)
    # It will be told that the training goes on, and does not know yet that it was asked to stand still.
    process = process_of(stack, run)
    process.suspend()
    emulator.progress(Progress.at_once())
    message = tick(stack.store_slug).message or ""
    assert ("recorded: 1" in message, "resumed" in message) == (True, False)
    work = ledger.run(str(run))
    assert work is not None
    assert ledger.history(work.key)[-1].state == "trained"
    process.resume()
    wait_until("the run sleeps", lambda: look(run).name != "Running")
    tick(stack.store_slug)
    wait_for(run, "Completed")
    assert bill.trainings == [job_name(work.key, 1)]


def test_run_without_a_deployment_waits_in_its_own_process_and_says_why(
    emulator: EmulatorControl, wish: dict[str, Any], bill: Bill
) -> None:
    emulator.progress(Progress.after_polls(2))
    state = here(wish)
    assert state.name == "Completed"
    log = log_of(run_of(state))
    assert "Waiting for segmind to train" in log
    assert "for rendering" in log
    assert "in this process: this run has no deployment that could start it again" in log
    assert len(bill.trainings) == 1


@dataclass(frozen=True)
class Story:
    """A training in flight as a suspended run leaves it, with a store and an account of its own."""

    ledger: Ledger
    submitted: Submitted
    key: str
    store: str = "local-file-system/of-a-story"

    @property
    def last(self) -> str:
        return self.ledger.history(self.key)[-1].state


@pytest.fixture
def story(
    tmp_path: Path, provider: SegmindProvider, run: RunRecord, recipe: FluxLoraRecipe, archive: DatasetArchive
) -> Story:
    LocalFileSystem(basepath=str(tmp_path / "artifacts")).save("of-a-story", overwrite=True)
    init_store(Story.store, replace=True)
    ledger = Ledger(open_store(Story.store))
    mine = run.model_copy(update={"credentials": "segmind-credentials/of-a-story"})
    ledger.mark(ledger.save_run(mine))
    nothing_yet = TrainingLog(ledger, run.key, 1)
    uploaded = provider.deliver("a-name", archive)
    submitted = submit_training(provider, nothing_yet, SubmitRequest(mine, recipe, uploaded, SpendingLimits()))
    return Story(ledger, submitted, run.key)


def lives_at(url: str) -> None:
    """Say where the account of the story is asked."""
    block = SegmindCredentials(api_key="SG_0123456789abcdef", base_url=url, account="default")
    block.save("of-a-story", overwrite=True)


def test_broken_store_is_named_and_does_not_keep_the_sensor_from_the_others(
    story: Story, emulator: EmulatorControl, tmp_path: Path
) -> None:
    lives_at(emulator.url)
    LocalFileSystem(basepath=str(tmp_path / "gone")).save("unmounted", overwrite=True)
    state = tick("local-file-system/nowhere", "local-file-system/unmounted", story.store)
    assert state.name == "Failed"
    assert "local-file-system/nowhere: block" in (state.message or "")
    assert "local-file-system/unmounted: The folder" in (state.message or "")
    assert story.store not in (state.message or "")
    assert story.last == "trained"


@pytest.mark.parametrize(("word", "last"), [("MIXING", "submitted"), ("FAILED", "failed")])
def test_status_word_that_nobody_has_documented_counts_as_still_running_and_fails_the_tick_once(
    word: str, last: str, story: Story
) -> None:
    documented = exchange("segmind", "the list")
    job = {**documented.response.body[0], "name": story.submitted.name, "status": word}
    job["finetune_id"] = story.submitted.job_id
    with replaying(replace(documented, response=replace(documented.response, body=[job]))) as replay:
        lives_at(replay.url)
        first, second = tick(story.store), tick(story.store)
    assert ("unknown status 'MIXING' counts as still running" in (first.message or "")) == (word == "MIXING")
    assert first.is_failed() == (word == "MIXING")
    assert second.is_completed()
    assert story.last == last
