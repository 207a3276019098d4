"""A map over threads whose results come in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def bounded_map(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    at_a_time: int,
    ahead: int | None = None,
    stop: Event | None = None,
) -> Generator[Result, None, None]:
    """Apply `work` to each item, `at_a_time` of them in parallel.

    No more than `ahead` items are under way or finished and not yet taken, where results are large. Once one has
    failed, or the generator is closed, `stop` is set, nothing more is started, and no thread is left.
    """
    stopped = stop or Event()

    def run(item: Item) -> Result:
        if stopped.is_set():
            raise CancelledError
        try:
            return work(item)
        except BaseException:
            stopped.set()
            raise

    under_way: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(at_a_time, "dataset")
    try:
        for item in items:
            under_way.append(pool.submit(run, item))
            if ahead is not None and len(under_way) >= ahead:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except CancelledError:
        # One behind it has failed first and stopped it: that one is the reason.
        pool.shutdown(cancel_futures=True)
        errors = [future.exception() for future in under_way if not future.cancelled()]
        reasons = [error for error in errors if error is not None and not isinstance(error, CancelledError)]
        raise reasons[0] if reasons else CancelledError from None
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)
