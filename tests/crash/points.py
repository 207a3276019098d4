"""Points of I/O: what a process does to the outside, named under the same name in every run."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

When = Literal["before", "after"]
Trace = Literal["seen", "left", "none"]
"""seen: others see what it did. left: it leaves what nobody reads, such as a draft. none: a pure read."""

_CHANGING = (
    (re.compile(r"crash-[0-9a-z-]+"), "<model>"),
    (re.compile(r"lane-\d+"), "<lane>"),
    (re.compile(r"\d{4}-\d{2}-\d{2}"), "<day>"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"[0-9a-f]{16,}-g\d+"), "<job>"),
    (re.compile(r"[0-9a-f]{16,}"), "<hash>"),
)


def normalized(text: str) -> str:
    """A description without what differs from run to run."""
    for pattern, word in _CHANGING:
        text = pattern.sub(word, text)
    return text


@dataclass(frozen=True)
class Point:
    """One side of one step of one process.

    Attributes:
        what: The step, normalized.
        nth: Which of the steps of this name, from 1: what a process did before does not change it.
        when: Just before the step, or just after it.
        trace: What the step leaves outside.
    """

    what: str
    nth: int
    when: When
    trace: Trace

    @property
    def name(self) -> str:
        """Its stable name."""
        return f"{self.when} {self.what} #{self.nth}"


@dataclass(frozen=True)
class Kill:
    """Where a process is to die: at a point by its name, or at whatever comes nth.

    Attributes:
        name: Name of the point, None for the next field.
        nth: How many points are passed first, for kills that are drawn by lot.
    """

    name: str | None = None
    nth: int | None = None

    def hits(self, point: Point, passed: int) -> bool:
        """Tell whether this is the place."""
        return point.name == self.name if self.name is not None else passed == self.nth


class Trail:
    """Tells the harness every point that this process passes, and kills the process where it was ordered to.

    Args:
        connection: Where the harness listens.
        kill: Where to die, None for nowhere.
        gate: Where to wait until the harness lets the process go on, None for nowhere.
    """

    def __init__(self, connection: socket.socket, kill: Kill | None, gate: Kill | None = None) -> None:
        self._connection = connection
        self._kill = kill
        self._gate = gate
        self._lock = threading.Lock()
        self._steps: Counter[str] = Counter()
        self._passed = 0

    @contextmanager
    def step(self, what: str, trace: Trace) -> Iterator[None]:
        """Pass the two points around one step."""
        what = normalized(what)
        with self._lock:
            self._steps[what] += 1
            nth = self._steps[what]
        self._pass(Point(what, nth, "before", trace))
        try:
            yield
        finally:
            self._pass(Point(what, nth, "after", trace))

    def tell(self, document: dict[str, Any]) -> None:
        """Say something to the harness: one line of JSON."""
        self._connection.sendall(json.dumps(document).encode() + b"\n")

    def _pass(self, point: Point) -> None:
        with self._lock:
            self._passed += 1
            self.tell({"point": asdict(point)})
            if self._kill is not None and self._kill.hits(point, self._passed):
                os.kill(os.getpid(), signal.SIGKILL)
            if self._gate is not None and self._gate.hits(point, self._passed):
                self.tell({"waits": True})
                self._connection.recv(3)
