"""Prefect's client, without its long pauses and without what it does in the background."""

from __future__ import annotations

from typing import Any

from prefect.client import base
from prefect.events import utilities

_SHARE = 0.05


def retry_soon() -> None:
    """Let this process ask a busy server again after tenths of a second, where Prefect waits 2, 4, 8, … s.

    The server answers 503 where SQLite has had another writer meanwhile. With cases side by side that is often,
    and over at once.
    """
    client: Any = base
    client.clamped_poisson_interval = lambda average, _: average * _SHARE


def emit_no_events() -> None:
    """Let this process send no events: they decide nothing, and would be most of the work."""
    events: Any = utilities
    events.should_emit_events = lambda: False
