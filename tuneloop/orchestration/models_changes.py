"""Whether the page of all models may show something else than at the tick before."""

from __future__ import annotations

from datetime import datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.events import Event
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter

from tuneloop.orchestration.started_runs import RETRAINING_FLOWS

_STATES = ("Cached", "Failed", "Crashed", "Suspended", "Cancelled")
_CHANGES = ("tuneloop.", *(f"prefect.flow-run.{name}" for name in _STATES))
"""Events that may change what the page shows, by how their names begin."""
_LOOKED_BACK = timedelta(minutes=3)
"""Before the last tick: an event is sent late, and a tick that has failed is made good."""
_MOST_EVENTS = 50
"""As many as the server returns at a time; of more, one is taken to be ours."""


def may_have_changed(client: SyncPrefectClient, previous: datetime | None, at: datetime) -> bool:
    """Return True if something may have changed since the tick before, by one request.

    Each day counts as a change, for the page shows ages.
    """
    if previous is None or (since := previous - _LOOKED_BACK).date() < at.date():
        return True
    which = EventFilter(
        occurred=EventOccurredFilter(since=since, until=at),
        event=EventNameFilter(prefix=list(_CHANGES)),
    )
    found = client.read_events(which, limit=_MOST_EVENTS)
    return found.next_page is not None or any(_is_ours(event) for event in found.events)


def _is_ours(event: Event) -> bool:
    """Return False if an event is of another project's run. A flow that users wrote of our stages may ask too."""
    if event.event.startswith("tuneloop.") or event.event.endswith(".Suspended"):
        return True
    return any(flow.name in RETRAINING_FLOWS for flow in event.resources_in_role["flow"])
