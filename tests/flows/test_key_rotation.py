"""An API key that is replaced by a new one while a training that was paid with the old one goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.segmind_credentials import SegmindCredentials
from tests.flows.bill import Bill
from tests.flows.runs import LOOK, here, look, sensor_paused, start, tick, wait_for
from tests.storage.failing_proxy import Orders, failing_proxy
from tests.waiting import wait_until
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Progress

OLD, NEW = "SG_OldKeyOfThisTest01", "SG_NewKeyOfThisTest02"
ACCOUNT = "rotated-key"


@pytest.fixture
def provider_that_rotates(emulator: EmulatorControl) -> Iterator[Orders]:
    """The provider's address, at which the old key works until another is put in its place."""
    with failing_proxy(emulator.url) as proxy:
        proxy.keys = {OLD: emulator.api_key}
        yield proxy


@pytest.fixture
def save(provider_that_rotates: Orders) -> Callable[[str], None]:
    def into_the_block(key: str) -> None:
        url = provider_that_rotates.endpoint
        SegmindCredentials(api_key=SecretStr(key), base_url=url).save(ACCOUNT, overwrite=True)

    into_the_block(OLD)
    return into_the_block


def test_suspended_run_finishes_with_the_new_key_and_nothing_is_paid_twice(
    stack: Stack, provider_that_rotates: Orders, save: Callable[[str], None], wish: dict[str, Any], bill: Bill
) -> None:
    stack.emulator.progress(Progress.after_seconds(3600))
    run = start({**wish, "credentials": f"segmind-credentials/{ACCOUNT}"})
    wait_for(run, "Suspended")
    with sensor_paused():
        provider_that_rotates.keys = {NEW: stack.emulator.api_key}
        stack.emulator.progress(Progress.at_once())
        # Between the two, the account cannot be reached; that is all.
        tick(stack.store_slug)
        assert look(run).name == "Suspended"
        save(NEW)
        tick(stack.store_slug)
        wait_for(run, "Completed")
    assert len(bill.trainings) == 1


@pytest.mark.long  # it waits for what a provider refuses
@pytest.mark.usefixtures("alone")
def test_run_that_polls_with_the_old_key_fails_and_the_next_one_continues_with_the_new_key(
    stack: Stack, provider_that_rotates: Orders, save: Callable[[str], None], wish: dict[str, Any], bill: Bill
) -> None:
    stack.emulator.progress(Progress.after_seconds(3600))
    wish = {**wish, "credentials": f"segmind-credentials/{ACCOUNT}"}
    run = start(wish, environment={"TUNELOOP_POLL_INTERVAL_S": "0.2"})
    wait_until("it polls", lambda: LOOK in bill.paths)
    save(NEW)
    provider_that_rotates.keys = {NEW: stack.emulator.api_key}
    message = wait_for(run, "Failed").message or ""
    assert "the API key is missing or wrong; put the right one into the credentials block" in message
    stack.emulator.progress(Progress.at_once())
    assert here(wish).name == "Completed"
    assert len(bill.trainings) == 1
