"""Prefect's client, without its long pauses and without what it does in the background."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect.client import base
from prefect.events import utilities

_SHARE = 0.05


@contextmanager
def impatient() -> Iterator[None]:
    """Let this process ask a busy server again after tenths of a second, and send no events.

    Prefect waits 2, 4, 8, … s where the server answers 503, as it does while SQLite has another writer: with cases
    side by side that is often, and over at once. Events decide nothing, and would be most of the work.
    """
    client: Any = base
    events: Any = utilities
    before = client.clamped_poisson_interval, events.should_emit_events
    client.clamped_poisson_interval = lambda average, _: average * _SHARE
    events.should_emit_events = lambda: False
    try:
        yield
    finally:
        client.clamped_poisson_interval, events.should_emit_events = before
