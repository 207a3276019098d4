"""Objects of a distant store, asked for a little before their turn: each one alone would cost a round trip."""

from __future__ import annotations

import io
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from tuneloop.storage.base import Store

_AT_A_TIME = 8
"""Fewer than the connections that boto3 keeps."""
_BYTES_AHEAD = 8 << 20
"""Held at most, beside the one object whose turn it is. What is larger comes as a stream, when it is its turn."""


class Wanted(NamedTuple):
    """An object that will be read."""

    name: str
    """Its name in the store."""
    size_bytes: int
    """Its size, as it should be."""


class Prefetcher:
    """Opens objects in an order that is known, the next few of them already read.

    Nothing is under way any more once the `with` block around it has ended.

    Args:
        store: Holds them.
        wanted: All of them, in the order in which they are opened.
    """

    def __init__(self, store: Store, wanted: Sequence[Wanted]) -> None:
        self._store = store
        self._waiting = deque(wanted)
        self._ahead: deque[tuple[int, Future[bytes]]] = deque()
        self._pool = ThreadPoolExecutor(_AT_A_TIME, "read-ahead")

    def __enter__(self) -> Self:
        self._ask()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open the next object. Raises what `Store.open` raises, at its turn and not before."""
        if self._ahead:
            _, asked = self._ahead.popleft()
            self._ask()
            yield io.BytesIO(asked.result())
        else:
            self._waiting.popleft()
            self._ask()
            with self._store.open(name) as file:
                yield file

    def _ask(self) -> None:
        """Ask for what comes next, as far as there is room for it."""
        held = sum(size_bytes for size_bytes, _ in self._ahead)
        while self._waiting and len(self._ahead) < _AT_A_TIME:
            name, size_bytes = self._waiting[0]
            held += size_bytes
            if held > _BYTES_AHEAD:
                return
            self._waiting.popleft()
            self._ahead.append((size_bytes, self._pool.submit(self._read, name, size_bytes)))

    def _read(self, name: str, size_bytes: int) -> bytes:
        with self._store.open(name) as file:
            # One byte more shows the reader an object that is too long, of whatever size it is.
            return file.read(size_bytes + 1)
