from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from tests.waiting import LIMIT_S
from tuneloop.datasets.parallel import bounded_map


def test_results_come_in_the_order_of_the_items() -> None:
    assert list(bounded_map(lambda number: number * 2, range(50), 4)) == list(range(0, 100, 2))


def test_no_more_than_a_few_items_are_ahead_of_the_one_taken() -> None:
    started: list[int] = []
    results = bounded_map(started.append, range(50), 4, ahead=8)
    next(results)
    assert len(started) <= 8
    results.close()


def test_nothing_is_started_after_one_has_failed_although_an_earlier_one_still_works() -> None:
    failed, started = threading.Event(), []

    def work(number: int) -> None:
        started.append(number)
        if number == 0:
            assert failed.wait(LIMIT_S)
        elif number == 1:
            failed.set()
            raise ValueError("number 1")

    with pytest.raises(ValueError, match="number 1"):
        list(bounded_map(work, range(1000), 2))
    assert len(started) < 1000


def test_failure_that_has_stopped_the_items_before_it_is_the_one_that_is_raised() -> None:
    stop, begun = threading.Event(), threading.Event()

    def work(item: int) -> int:
        if item == 1:
            begun.set()
            assert stop.wait(LIMIT_S)
            raise CancelledError
        assert begun.wait(LIMIT_S)
        raise ValueError("the second one")

    with pytest.raises(ValueError, match="the second one"):
        list(bounded_map(work, [1, 2], 2, stop=stop))
