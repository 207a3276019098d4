"""Few sensor runs for many calls."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest

from tests.waiting import LIMIT_S
from tuneloop.webhooks.receiver import Debounce

QUICK_S = 0.01


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - what is awaited happens in a thread
            await asyncio.sleep(0.001)


def test_calls_of_one_moment_make_one_run_and_those_during_it_one_more() -> None:
    runs: list[str] = []
    may_end = threading.Event()

    def slow_run(account: str) -> None:
        runs.append(account)
        may_end.wait(LIMIT_S)

    async def scenario() -> None:
        debounce = Debounce(slow_run, QUICK_S)
        for _ in range(50):
            debounce.notify("segmind.default")
        await until(lambda: len(runs) == 1)
        for _ in range(50):
            debounce.notify("segmind.default")
        may_end.set()
        await until(lambda: len(runs) == 2)
        await asyncio.sleep(3 * QUICK_S)
        await debounce.close()

    asyncio.run(scenario())
    assert runs == ["segmind.default"] * 2


def test_accounts_do_not_wait_for_each_other() -> None:
    runs: list[str] = []

    async def scenario() -> None:
        debounce = Debounce(runs.append, 3600)
        for account in ("segmind.one", "segmind.two", "segmind.one"):
            debounce.notify(account)
        await until(lambda: len(runs) == 2)
        debounce.notify("segmind.one")
        await asyncio.sleep(QUICK_S)
        # The one that waits is dropped: the sensor's schedule does its work.
        await debounce.close()

    asyncio.run(scenario())
    assert sorted(runs) == ["segmind.one", "segmind.two"]


def test_request_that_fails_is_logged_without_secrets_and_the_next_call_requests_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs: list[str] = []

    def fail_once(account: str) -> None:
        runs.append(account)
        if len(runs) == 1:
            raise RuntimeError("no response from https://host/x?Signature=abcd")

    async def scenario() -> None:
        debounce = Debounce(fail_once, QUICK_S)
        debounce.notify("bfl.default")
        await until(lambda: "its schedule polls as usual" in caplog.text)
        debounce.notify("bfl.default")
        await until(lambda: len(runs) == 2)
        await debounce.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    assert "bfl.default" in caplog.text
    assert "abcd" not in caplog.text
